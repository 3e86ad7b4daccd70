//! Plans that get smaller, step by step.

use super::*;
use crate::base::BrokerAction;
use crate::base::BrokerId;
use crate::base::ConnectionId;
use crate::base::LinkAction;
use crate::base::ProcessAction;
use crate::fault::Delay;
use crate::fault::Firing;
use crate::wire::ApiKey;
use std::time::Duration;

fn at(ms: u64) -> Instant {
    Instant::after_start(Duration::from_millis(ms))
}

fn firing(ms: u64, client: &str, nth: u64) -> Firing {
    Firing {
        at: at(ms),
        api: ApiKey::Produce,
        api_version: 9,
        client_id: client.to_owned(),
        connection: ConnectionId(1),
        broker: BrokerId(0),
        nth,
        nth_of_client: nth / 4,
        delay: Duration::from_millis(nth),
    }
}

fn report(name: &str, fired_on: Vec<Firing>) -> FaultReport {
    FaultReport {
        name: name.to_owned(),
        fault: String::new(),
        seen: 9,
        fired: fired_on.len() as u64,
        first: fired_on.first().map(|firing| firing.at),
        fired_on,
        ended: false,
    }
}

fn texts(list: &[Proposal<FaultPlan>]) -> Vec<String> {
    let parts = |plan: &FaultPlan| {
        let faults = plan.faults.iter().map(ToString::to_string);
        faults.chain(plan.commands.iter().map(ToString::to_string)).collect::<Vec<_>>().join("; ")
    };
    list.iter().map(|proposal| parts(&proposal.value)).collect()
}

#[test]
fn what_never_fired_goes_with_what_waits_for_it() {
    let plan = FaultPlan::new()
        .fault(Fault::on(ApiKey::Produce).named("a").drop_it())
        .fault(Fault::on(ApiKey::Fetch).named("b").after("a").drop_it())
        .command(PlannedCommand::new(Command::HealLinks).named("c").after("b", 1))
        .command(PlannedCommand::new(Command::HealLinks).named("d"));
    let reports = [report("a", Vec::new()), report("d", vec![firing(1, "x", 1)])];
    assert_eq!(plan.without_idle(&reports).names().collect::<Vec<_>>(), ["d"]);
    assert_eq!(plan.without_parts(1..2).names().collect::<Vec<_>>(), ["a", "d"]);
}

#[test]
fn a_part_is_tried_alone_unless_it_waits_for_another() {
    let plan = FaultPlan::new()
        .fault(Fault::on(ApiKey::Produce).named("a").drop_it())
        .fault(Fault::on(ApiKey::Fetch).named("b").after("a").drop_it())
        .command(PlannedCommand::new(Command::HealLinks).named("c"));
    assert_eq!(texts(&plan.alone()), ["Produce: drop", "heal all links"]);
    assert_eq!(texts(&plan.without_parts(1..2).alone()), [""; 0]);
}

#[test]
fn what_begins_later_is_cut_off() {
    let window = |from, until| Duration::from_millis(from)..Duration::from_millis(until);
    let plan = FaultPlan::new()
        .fault(Fault::on(ApiKey::Produce).between(window(10, 900)).drop_it())
        .fault(Fault::on(ApiKey::Produce).between(window(501, 900)).drop_it())
        .command(PlannedCommand::new(Command::HealLinks).at_ms(500))
        .command(PlannedCommand::new(Command::HealLinks).at_ms(501));
    let cut = [Proposal { what: String::new(), value: plan.until(at(500)) }];
    assert_eq!(texts(&cut), ["Produce from_ms=10 until_ms=501: drop; heal all links at 500 ms"]);
}

#[test]
fn chance_is_tied_to_what_it_hit_and_then_aimed_at_it() {
    let fault = Fault::on_any().named("loss").probability(0.1).delay(Delay::ExponentialMs(70));
    let plan = FaultPlan::new().fault(fault);
    let hits = vec![firing(10, "x", 3), firing(50, "y", 8)];
    let trace = PlanTrace { reports: vec![report("loss", hits)], ..PlanTrace::default() };
    let tied = plan.tied(&trace);
    assert_eq!(texts(&tied), ["any API nth=3: delay 3 ms; any API nth=8: delay 8 ms"]);
    assert_eq!(tied[0].value.names().collect::<Vec<_>>(), ["loss", "loss @8"]);

    let second = tied[0].value.without_parts(0..1);
    let trace = PlanTrace { reports: vec![report("loss @8", vec![firing(50, "y", 8)])], ..PlanTrace::default() };
    assert_eq!(texts(&second.aimed(&trace)), ["Produce client_id=y nth=2: delay 8 ms"]);
    assert!(second.aimed(&trace)[0].value.aimed(&trace).is_empty());
}

#[test]
fn a_command_waits_for_progress_instead_of_the_clock() {
    let plan = FaultPlan::new().command(PlannedCommand::new(Command::HoldMarkers).named("hold").at_ms(7384));
    let mut seen = report("hold", Vec::new());
    seen.first = Some(at(7384));
    let far = |ms, offset| (at(ms), "t".to_owned(), 0, offset);
    let trace = PlanTrace { reports: vec![seen], high_watermarks: vec![far(1, 1), far(7000, 20), far(7400, 21)] };
    assert_eq!(texts(&plan.aimed(&trace)), ["hold markers when the high watermark of t-0 is at least 20"]);
}

#[test]
fn names_go_only_where_nobody_needs_them_and_clients_are_renamed_everywhere() {
    let reset = |client: &str| {
        let (from, to) = (Node::Client(client.to_owned()), Node::AnyBroker);
        Command::Link { from, to, action: LinkAction::Reset }
    };
    let plan = FaultPlan::new()
        .fault(Fault::on(ApiKey::Produce).named("a").client_id("app-1").drop_it())
        .fault(Fault::on(ApiKey::Fetch).named("b").after("a").command(reset("app-1")))
        .command(PlannedCommand::new(reset("app-2")).named("c"))
        .command(PlannedCommand::new(reset("app-2")).named("d"));
    let plainer = plan.plainer().into_iter().map(|proposal| proposal.what);
    assert_eq!(plainer.filter(|what| what.contains("without a name")).collect::<Vec<_>>(), ["b: without a name"]);
    let renamed = plan.with_clients(|client| client.replace("app-1", "app-0")).to_json().unwrap();
    assert_eq!(renamed, plan.to_json().unwrap().replace("app-1", "app-0"));
}

fn process(process: u32, action: ProcessAction) -> PlannedCommand {
    PlannedCommand::new(Command::Process { process, action })
}

#[test]
fn what_happens_to_a_process_is_made_weaker_and_slowness_shorter() {
    use ProcessAction::*;
    let check = |action: ProcessAction, expected: &[&str]| {
        let plan = FaultPlan::new().command(process(1, action));
        assert_eq!(texts(&plan.weaker()), expected, "{action}");
        // Whatever is accepted, it comes to an end.
        let (least, ()) = FaultPlan::reduction().run(plan, (), |plan| (plan.len() == 1).then_some(()));
        let Command::Process { process: 1, action: Slow { ms: 1..10 } } = least.commands[0].command else {
            panic!("{:?}", least.part(0))
        };
    };
    let slow = "wait 1000 ms after each record in process 1";
    check(Crash, &[slow, "cancel what is under way in process 1", "pause process 1"]);
    check(Stop, &[slow, "cancel what is under way in process 1"]);
    check(Pause, &[slow]);
    check(Cancel, &[slow]);
    check(Slow { ms: 437 }, &[]);
    let slow = FaultPlan::new().command(process(1, Slow { ms: 437 }));
    let plainer = texts(&slow.plainer());
    let expected = [400, 430, 43].map(|ms| format!("wait {ms} ms after each record in process 1"));
    assert_eq!(plainer, expected);
}

/// Processes have numbers, and a producer was taken away: what was to happen to a consumer happened to another one.
#[test]
fn processes_under_other_numbers_keep_what_happens_to_them() {
    use ProcessAction::*;
    let crash = Command::Process { process: 3, action: Crash };
    let plan = FaultPlan::new()
        .fault(Fault::on(ApiKey::Fetch).command(crash))
        .command(process(0, Pause))
        .command(process(1, Stop))
        .command(PlannedCommand::new(Command::HealLinks));
    let moved = plan.with_processes(|process| (process != 1).then(|| process - u32::from(process > 1)));
    let moved = [Proposal { what: String::new(), value: moved }];
    assert_eq!(texts(&moved), ["Fetch: crash process 2; pause process 0; heal all links"]);
}

#[test]
fn weaker_and_plainer_ways_come_to_an_end() {
    let loss = Command::Broker { broker: Target::Controller, action: BrokerAction::PowerLoss };
    let plan = FaultPlan::new()
        .fault(Fault::on(ApiKey::Fetch).nth(13).between(at(15).since_start()..at(1234).since_start()).truncate(7))
        .command(PlannedCommand::new(loss).at_ms(7384).for_ms(1234))
        .heal_at_ms(31_234);
    let mut steps = 0;
    let anything = |_: &FaultPlan| {
        steps += 1;
        Some(())
    };
    let keep = Reduction::new()
        .pass(Rewrites::new(|plan: &FaultPlan, ()| plan.weaker()))
        .pass(Rewrites::new(|plan: &FaultPlan, ()| plan.earlier()))
        .pass(Rewrites::new(|plan: &FaultPlan, ()| plan.healed_sooner()))
        .pass(Rewrites::new(|plan: &FaultPlan, ()| plan.plainer()))
        .run(plan, (), anything);
    let plainest = Proposal { what: String::new(), value: keep.0 };
    assert_eq!(plainest.value.heal_at_ms, Some(1_000));
    assert_eq!(
        texts(&[plainest]),
        ["Fetch, once applied: delay 1000 ms; link from any client to broker controller: latency 1000..=1000 ms"]
    );
    assert!(steps < 20, "{steps}");
}
