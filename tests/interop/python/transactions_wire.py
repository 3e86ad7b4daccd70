#!/usr/bin/env python3
"""Asks a cluster about transactions in ways that no client does by itself, and prints each answer as JSON.

    transactions_wire.py HOST:PORT        of a cluster of one broker, ours or a real Kafka

Run it against both and compare: the answers of Kafka 4.2.1 are those of `fixtures/facts/transactions-4.2.1.json`.
Requests are laid out by hand, so that any epoch, sequence number and state can be asked for. Needs the module crc32c.
"""

import json
import socket
import struct
import sys
import time

import crc32c

host, port = sys.argv[1].split(",")[0].rsplit(":", 1)
def uv(n):
    out=b""
    while n>127: out+=bytes([n&127|128]); n>>=7
    return out+bytes([n])
def cs(s): return b"\0" if s is None else uv(len(s)+1)+s.encode()
def st(s): return struct.pack(">h",-1) if s is None else struct.pack(">h",len(s))+s.encode()
class Conn:
    def __init__(self,h,p): self.s=socket.create_connection((h,int(p)),10); self.s.settimeout(15)
    def ask(self,key,ver,body,flex):
        h=struct.pack(">hhi",key,ver,7)+st("o")+(b"\0" if flex else b"")
        self.s.sendall(struct.pack(">i",len(h+body))+h+body)
        n=struct.unpack(">i",self.rx(4))[0]; r=self.rx(n)[4:]
        return r[1:] if flex else r
    def rx(self,n):
        b=b""
        while len(b)<n:
            c=self.s.recv(n-len(b))
            if not c: raise EOFError
            b+=c
        return b
c=Conn(host,port)
def zig(n): return uv((n<<1)^(n>>63))
def batch(pid,epoch,seq,value,attrs=16,n=1):
    recs=b""
    for i in range(n):
        body=b"\0"+zig(0)+zig(i)+zig(-1)+zig(len(value))+value+zig(0)
        recs+=zig(len(body))+body
    t=1600000000000
    b=struct.pack(">hiqqqhii",attrs,n-1,t,t,pid,epoch,seq,n)+recs
    r=struct.pack(">ibI",-1,2,crc32c.crc32c(b))+b
    return struct.pack(">qi",0,len(r))+r
def find(key,typ):
    for _ in range(60):
        r=c.ask(10,1,st(key)+bytes([typ]),False)
        err=struct.unpack_from(">ih",r)[1]
        if err==0: return
        time.sleep(0.3)
def metadata(topic):
    for _ in range(40):
        r=c.ask(3,4,struct.pack(">i",1)+st(topic)+b"\1",False); 
        if b"\0\0"+struct.pack(">h",len(topic))+topic.encode() in r: return
        time.sleep(0.3)
out={}
def init(tid,pid=-1,ep=-1,timeout=60000,ver=5):
    for _ in range(50):
        r=c.ask(22,ver,cs(tid)+struct.pack(">iqh",timeout,pid,ep)+b"\0",True)
        t,e,p,epo=struct.unpack_from(">ihqh",r)
        if e not in (14,15): return e,p,epo
        time.sleep(0.2)
def add(tid,pid,ep,topic,part):
    r=c.ask(24,3,cs(tid)+struct.pack(">qh",pid,ep)+uv(2)+cs(topic)+uv(2)+struct.pack(">i",part)+b"\0\0",True)
    # throttle, array, name, array, index, code
    return struct.unpack_from(">h",r,4+1+1+len(topic)+1+4)[0]
def end(tid,pid,ep,commit,ver):
    r=c.ask(26,ver,cs(tid)+struct.pack(">qh",pid,ep)+bytes([commit])+b"\0",True)
    e=struct.unpack_from(">ih",r)[1]
    if ver>=5: return (e,)+struct.unpack_from(">qh",r,6)
    return (e,)
def produce(tid,topic,b,ver=12,acks=-1):
    body=cs(tid)+struct.pack(">hi",acks,3000)+uv(2)+cs(topic)+uv(2)+struct.pack(">i",0)+uv(len(b)+1)+b+b"\0\0\0"
    r=c.ask(0,ver,body,True)
    off=1+1+len(topic)+1
    idx,e,base=struct.unpack_from(">ihq",r,off)
    return e,base
def addoff(tid,pid,ep,g):
    r=c.ask(25,3,cs(tid)+struct.pack(">qh",pid,ep)+cs(g)+b"\0",True); return struct.unpack_from(">ih",r)[1]
def txncommit(tid,g,pid,ep,topic,o,ver,gen=-1,member=""):
    body=cs(tid)+cs(g)+struct.pack(">qhi",pid,ep,gen)+cs(member)+cs(None)+uv(2)+cs(topic)+uv(2)+struct.pack(">iqi",0,o,-1)+cs(None)+b"\0\0\0"
    r=c.ask(28,ver,body,True); return struct.unpack_from(">h",r,4+1+1+len(topic)+1+4)[0]
def offsets(g,topic,stable,ver=7):
    r=c.ask(9,ver,cs(g)+uv(2)+cs(topic)+uv(2)+struct.pack(">i",0)+b"\0"+bytes([stable])+b"\0",True)
    o=4+1+1+len(topic)+1
    idx,off,le=struct.unpack_from(">iqi",r,o)
    return off, r[-6:].hex()
def fetch(topic,iso):
    body=struct.pack(">iiiib",-1,100,1,1<<20,iso)+struct.pack(">i",1)+st(topic)+struct.pack(">i",1)+struct.pack(">iqi",0,0,1<<20)
    r=c.ask(1,4,body,False)
    o=4+4+2+len(topic)+4
    idx,e,hw,lso=struct.unpack_from(">ihqq",r,o); o+=22
    n=struct.unpack_from(">i",r,o)[0]; o+=4
    ab=[]
    for _ in range(max(n,0)):
        ab.append(struct.unpack_from(">qq",r,o)); o+=16
    size=struct.unpack_from(">i",r,o)[0]
    return e,hw,lso,n,ab,size
def describe(tid):
    r=c.ask(65,0,uv(2)+cs(tid)+b"\0",True)
    return r[4+1:].hex() if False else r[5:7].hex()+" "+"".join(chr(x) if 32<x<127 else "." for x in r[7+1+len(tid):7+1+len(tid)+16])
def listtx(states,pids,dur,ver=1):
    body=uv(len(states)+1)+b"".join(cs(x) for x in states)+uv(len(pids)+1)+b"".join(struct.pack(">q",p) for p in pids)+struct.pack(">q",dur)+b"\0"
    r=c.ask(66,ver,body,True)
    return struct.unpack_from(">h",r,4)[0], [x for x in (b"o1",b"o2",b"Ongoing",b"Nope") if x in r]
T=f"tx-{int(time.time()*1000)%100000}" 
metadata("topic-a"); metadata("topic-b"); find("g-oracle",0); find("o1",1)
tag=str(int(time.time()*1000))[-6:]
base={}
def rel(x): # ids relative to the first
    return tuple((v-base["p"] if i==1 else v) for i,v in enumerate(x)) if isinstance(x,tuple) and len(x)>=3 else x
def say(name,x): out[name]=x
i1="o1"+tag
find(i1,1)
r=init(i1); base["p"]=r[1]; P,E=r[1],r[2]
say("init",(r[0],r[2])); say("init bad timeout",init(i1,timeout=0)[0]); say("init too long",init(i1,timeout=900001)[0]); say("init empty id",init("")[0]); say("init id without epoch",init(i1,pid=5)[0])
say("init v3 fenced", init(i1,pid=P,ep=7,ver=3)[0]); say("init v5 fenced", init(i1,pid=P,ep=7)[0]); say("init other id", init(i1,pid=P+999,ep=0)[0])
say("end empty commit v4",end(i1,P,E,1,4)[0]); say("end empty abort v4",end(i1,P,E,0,4)[0]); say("end empty commit v5",end(i1,P,E,1,5)[0])
x=end(i1,P,E,0,5); say("end empty abort v5",(x[0],x[1]-P,x[2])); E=x[2]; time.sleep(.3)
x=end(i1,P,E-1,0,5); say("end again",(x[0],x[1]-P,x[2]))
x=end(i1,P,E-1,1,5); say("end again commit",x[0])
say("end other pid",end(i1,P+5,E,1,5)[0]); say("end unknown id",end("nobody"+tag,P,E,1,5)[0]); say("end empty id",end("",P,E,1,5)[0])
say("add unknown partition",add(i1,P,E,"topic-a",99)); say("add old epoch",add(i1,P,E-1,"topic-a",0)); say("add unknown id",add("nobody"+tag,P,E,"topic-a",0))
# v11 without add
say("produce v11 not added",produce(i1,"topic-a",batch(P,E,0,b"x"),11)[0]); say("produce v10 not added",produce(i1,"topic-a",batch(P,E,0,b"x"),10)[0])
say("add",add(i1,P,E,"topic-a",0)); say("produce v11",produce(i1,"topic-a",batch(P,E,0,b"x"),11)[0])
say("produce again",produce(i1,"topic-a",batch(P,E,0,b"x"),11)[0]); say("produce gap",produce(i1,"topic-a",batch(P,E,5,b"x"),11)[0])
say("produce plain in txn",produce(i1,"topic-a",batch(P,E,1,b"x",attrs=0),11)[0]); say("produce control",produce(i1,"topic-a",batch(P,E,1,b"x",attrs=48),11)[0])
say("produce old epoch",produce(i1,"topic-a",batch(P,E-1,0,b"x"),11)[0]); say("produce new epoch seq 0",produce(i1,"topic-a",batch(P,E+1,0,b"x"),11)[0])
say("produce no id",produce(None,"topic-a",batch(P,E,1,b"x"),11)[0])
f=fetch("topic-a",1); g=fetch("topic-a",0); say("fetch lso behind",(g[2]<g[1],f[3]))
say("list ongoing",listtx(["Ongoing"],[P],-1)); say("list nope",listtx(["Nope"],[],-1)[1]); say("list duration",listtx([],[P],3600000)[1])
say("describe",describe(i1)); say("describe unknown",describe("nobody"+tag)); say("describe empty",describe(""))
x=end(i1,P,E,1,4); say("commit v4",x[0]); time.sleep(.4)
say("commit v4 again",end(i1,P,E,1,4)[0]); say("abort v4 after commit",end(i1,P,E,0,4)[0])
say("late produce v11",produce(i1,"topic-a",batch(P,E,1,b"late"),11)[0])
say("dup after end",produce(i1,"topic-a",batch(P,E,0,b"x"),11)[0])
# TV2
i2="o2"+tag; find(i2,1); r=init(i2); P2,E2=r[1],r[2]
say("v12 implicit",produce(i2,"topic-b",batch(P2,E2,0,b"y"),12)[0]); say("v12 seq without state",produce(i2,"topic-a",batch(P2,E2,3,b"y"),12)[0])
x=end(i2,P2,E2,0,5); say("abort v5",(x[0],x[1]-P2,x[2])); time.sleep(.4)
say("v12 late",produce(i2,"topic-b",batch(P2,E2,1,b"late"),12)[0]); E2=x[2]
f=fetch("topic-b",1); say("aborted listed",[p==P2 for p,o in f[4]][-1:])
say("fetch b eq",(f[1]==f[2]))
say("v12 next seq 1",produce(i2,"topic-b",batch(P2,E2,1,b"z"),12)[0]); say("v12 next",produce(i2,"topic-b",batch(P2,E2,0,b"z"),12)[0])
say("txn commit v5",txncommit(i2,"g-oracle",P2,E2,"topic-b",7,5)); say("stable",offsets("g-oracle","topic-b",1)); say("unstable ok",offsets("g-oracle","topic-b",0))
say("txn commit bad gen",txncommit(i2,"g-none",P2,E2,"topic-b",7,5,gen=3)); say("txn commit unknown topic",txncommit(i2,"g-oracle",P2,E2,"no-such",7,5)); say("txn commit empty group",txncommit(i2,"",P2,E2,"topic-b",7,5))
say("txn commit bad epoch",txncommit(i2,"g-oracle",P2,E2-1,"topic-b",7,5)); say("txn commit v4 bad epoch",txncommit(i2,"g-oracle",P2,E2-1,"topic-b",7,4))
x=end(i2,P2,E2,1,5); say("commit v5",(x[0],x[1]-P2,x[2])); time.sleep(.4); say("committed",offsets("g-oracle","topic-b",1))
# fence
i3="o3"+tag; find(i3,1); r=init(i3); P3,E3=r[1],r[2]; produce(i3,"topic-b",batch(P3,E3,0,b"w"),12)
say("successor first",init(i3)[0]); time.sleep(.5); y=init(i3); say("successor",(y[0],y[1]-P3,y[2]))
say("zombie produce",produce(i3,"topic-b",batch(P3,E3,1,b"w"),12)[0]); say("zombie end",end(i3,P3,E3,1,5)[0]); say("zombie v11",produce(i3,"topic-b",batch(P3,E3,1,b"w"),11)[0]); say("zombie end v1",c.ask(26,1,st(i3)+struct.pack(">qh",P3,E3)+b"\1",False)[4:6].hex())
say("addoffsets v4 style",addoff(i3,P3,y[2],"g-oracle")); say("commit offs v4",txncommit(i3,"g-oracle",P3,y[2],"topic-b",9,4)); say("commit offs other group v4",txncommit(i3,"g-other-group-x",P3,y[2],"topic-b",9,4))
say("init v5 known",(lambda z:(z[0],z[2]))(init(i3,pid=P3,ep=y[2])))
# write markers by hand
def markers(pid,ep,commit,topic,part,ce,ver=1,tv=0):
    body=uv(2)+struct.pack(">qhb",pid,ep,commit)+uv(2)+cs(topic)+uv(2)+struct.pack(">i",part)+b"\0"+struct.pack(">i",ce)+(struct.pack(">b",tv) if ver>=2 else b"")+b"\0\0"
    r=c.ask(27,ver,body,True); return struct.unpack_from(">h",r,1+8+1+1+len(topic)+1+4)[0]
say("marker unknown txn",markers(987654,0,1,"topic-a",0,0)); say("marker unknown partition",markers(987654,0,1,"topic-a",77,0)); say("marker old epoch",markers(P2,0,1,"topic-b",0,0)); say("marker v2 tv2 same epoch",markers(P2,x[2],1,"topic-b",0,0,2,2)); say("marker old coordinator",markers(P2,x[2]+3,1,"topic-b",0,-5))
json.dump(out,sys.stdout,indent=0,default=str); print()
