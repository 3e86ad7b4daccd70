import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.serialization.*;

/** The scenario through Kafka's own client: prints one JSON document of answers. */
public class Scenario {
    interface Question { Object ask() throws Exception; }

    static final long BASE = 1_600_000_000_000L;
    static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");
    static final Map<String, String> KEEP = Map.of("retention.ms", "-1");
    static final Map<String, Object> answers = new TreeMap<>();
    static String bootstrap;
    static Admin admin;
    static List<Integer> brokers = new ArrayList<>();

    public static void main(String[] arguments) throws Exception {
        bootstrap = arguments[0];
        admin = Admin.create(Map.of("bootstrap.servers", bootstrap, "default.api.timeout.ms", 15000, "request.timeout.ms", 10000));
        for (Node node : admin.describeCluster().nodes().get()) brokers.add(node.id());
        Collections.sort(brokers);
        topics();
        producing();
        consuming();
        offsets();
        configuration();
        partitions();
        admin.close(Duration.ofSeconds(5));
        System.out.println(new ObjectMapper().enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS).writeValueAsString(answers));
    }

    static void topics() {
        int b0 = brokers.get(0), b1 = brokers.get(1), b2 = brokers.get(2);
        ask("cluster.describe", () -> {
            var cluster = admin.describeCluster(new DescribeClusterOptions().includeAuthorizedOperations(true));
            return map("brokers", names(cluster.nodes().get()), "controller_is_a_broker", brokers.contains(cluster.controller().get().id()),
                "operations", cluster.authorizedOperations().get().stream().map(AclOperation::name).sorted().toList());
        });
        ask("create.plain", () -> create(new NewTopic(name("plain"), 3, (short) 1).configs(KEEP)));
        ask("create.assigned", () -> create(new NewTopic(name("assigned"), Map.of(0, List.of(b0, b1), 1, List.of(b1, b2), 2, List.of(b2, b0))).configs(KEEP)));
        ask("create.default_counts", () -> create(new NewTopic(name("defaults"), Optional.empty(), Optional.empty()).configs(KEEP)));
        ask("create.compacted", () -> create(new NewTopic(name("compacted"), 1, (short) 3).configs(Map.of("cleanup.policy", "compact", "min.insync.replicas", "2"))));
        ask("create.append_time", () -> create(new NewTopic(name("append-time"), 1, (short) 1).configs(Map.of("retention.ms", "-1", "message.timestamp.type", "LogAppendTime"))));
        ask("create.small", () -> create(new NewTopic(name("small"), 1, (short) 1).configs(Map.of("retention.ms", "-1", "max.message.bytes", "500"))));
        ask("create.codecs", () -> create(new NewTopic(name("codecs"), 1, (short) 1).configs(KEEP)));
        ask("create.validate_only", () -> {
            var reply = admin.createTopics(List.of(new NewTopic(name("validated"), 2, (short) 2)), new CreateTopicsOptions().validateOnly(true));
            return map("partitions", reply.numPartitions(name("validated")).get(), "factor", reply.replicationFactor(name("validated")).get());
        });
        ask("create.again", () -> create(new NewTopic(name("plain"), 3, (short) 1)));
        ask("create.factor_too_large", () -> create(new NewTopic(name("bad"), 1, (short) 9)));
        ask("create.unknown_config", () -> create(new NewTopic(name("bad"), 1, (short) 1).configs(Map.of("no.such.config", "1"))));
        ask("create.bad_config", () -> create(new NewTopic(name("bad"), 1, (short) 1).configs(Map.of("retention.ms", "soon"))));
        ask("create.bad_name", () -> create(new NewTopic("jc bad name", 1, (short) 1)));
        ask("describe.plain", () -> {
            var t = describe("plain");
            for (var p : partitionsOf(t)) { p.put("replicas", list(p, "replicas").size()); p.put("isr", list(p, "isr").size()); p.put("leader", p.get("leader") != null); }
            return t;
        });
        ask("describe.assigned", () -> settle(() -> describe("assigned"), t -> partitionsOf(t).stream().allMatch(p -> list(p, "isr").size() == 2)));
        ask("describe.absent", () -> describe("absent"));
    }

    static void producing() {
        for (String codec : CODECS) ask("produce." + codec, () -> send(five(codec), Map.of("compression.type", codec)));
        var odd = List.of(
            record("plain", 1, BASE, "headers", "v", new RecordHeader("a", bytes("1")), new RecordHeader("a", bytes("2")), new RecordHeader("null", null)),
            record("plain", 1, BASE + 5, "tombstone", null), record("plain", 1, BASE + 3, null, "no key"), record("plain", 1, BASE + 4, "", ""));
        ask("produce.odd", () -> send(odd, Map.of()));
        for (String acks : List.of("0", "1", "all"))
            ask("produce.acks_" + acks, () -> send(List.of(record("plain", 2, BASE, null, "acks " + acks)), Map.of("acks", acks, "enable.idempotence", "false")));
        ask("produce.append_time", () -> send(List.of(record("append-time", 0, BASE, null, "stamped")), Map.of()));
        ask("produce.too_large", () -> send(List.of(record("small", 0, BASE, null, "x".repeat(1000))), Map.of()));
        ask("produce.compacted_without_key", () -> send(List.of(record("compacted", 0, BASE, null, "no key")), Map.of()));
        ask("produce.no_partition", () -> send(List.of(record("plain", 7, BASE, null, "x")), Map.of("max.block.ms", "1500")));
        ask("produce.auto_create", () -> send(List.of(record("auto", 0, BASE, null, "made")), Map.of()));
        ask("produce.bad_name", () -> send(List.of(new ProducerRecord<>("jc bad name", 0, BASE, null, bytes("x"))), Map.of()));
        ask("describe.producers", () -> {
            var tp = new TopicPartition(name("codecs"), 0);
            var states = admin.describeProducers(List.of(tp)).partitionResult(tp).get().activeProducers();
            return states.stream().map(s -> List.of(s.producerEpoch(), s.lastSequence(), s.lastTimestamp(), s.currentTransactionStartOffset().isPresent(), s.coordinatorEpoch().orElse(-9))).sorted(Comparator.comparing(Object::toString)).toList();
        });
    }

    static void consuming() {
        ask("consume.codecs", () -> read("codecs", 0, 25, 0, "none"));
        ask("consume.odd", () -> read("plain", 1, 4, 0, "none"));
        ask("consume.append_time", () -> read("append-time", 0, 1, 0, "none"));
        ask("consume.from_17", () -> read("codecs", 0, 8, 17, "none"));
        ask("consume.at_end", () -> read("codecs", 0, 0, 25, "none"));
        ask("consume.beyond_end", () -> read("codecs", 0, 1, 26, "none"));
        ask("consume.beyond_end_reset", () -> read("codecs", 0, 25, 1000, "earliest"));
        ask("consume.lookups", () -> {
            try (var c = consumer("none")) {
                var tp = new TopicPartition(name("codecs"), 0);
                var byTime = c.offsetsForTimes(Map.of(tp, BASE + 1500)).get(tp);
                return map("beginning", c.beginningOffsets(List.of(tp)).get(tp), "end", c.endOffsets(List.of(tp)).get(tp),
                    "by_time", List.of(byTime.offset(), byTime.timestamp(), byTime.leaderEpoch().orElse(-9)),
                    "after_all", c.offsetsForTimes(Map.of(tp, BASE + 1_000_000)).get(tp), "partitions", c.partitionsFor(name("plain")).size());
            }
        });
    }

    static void offsets() {
        var specs = new LinkedHashMap<String, OffsetSpec>();
        specs.put("earliest", OffsetSpec.earliest());
        specs.put("latest", OffsetSpec.latest());
        specs.put("max_timestamp", OffsetSpec.maxTimestamp());
        specs.put("earliest_local", OffsetSpec.earliestLocal());
        specs.put("latest_tiered", OffsetSpec.latestTiered());
        specs.put("earliest_pending_upload", OffsetSpec.earliestPendingUpload());
        specs.put("between", OffsetSpec.forTimestamp(BASE + 1500));
        specs.put("after_all", OffsetSpec.forTimestamp(BASE + 1_000_000));
        specs.forEach((title, spec) -> ask("offsets." + title, () -> offset("codecs", 0, spec)));
        ask("offsets.max_out_of_order", () -> offset("plain", 1, OffsetSpec.maxTimestamp()));
        ask("delete_records.to_7", () -> deleteBefore("codecs", 7));
        ask("delete_records.beyond", () -> deleteBefore("codecs", 26));
        ask("delete_records.compacted", () -> deleteBefore("compacted", 0));
        ask("offsets.earliest_after_delete", () -> offset("codecs", 0, OffsetSpec.earliest()));
        ask("consume.deleted", () -> read("codecs", 0, 1, 3, "none"));
        ask("consume.deleted_reset", () -> read("codecs", 0, 18, 3, "earliest"));
        ask("delete_records.to_high_watermark", () -> deleteBefore("codecs", -1));
        ask("offsets.max_timestamp_of_nothing", () -> offset("codecs", 0, OffsetSpec.maxTimestamp()));
    }

    static void configuration() {
        var plain = new ConfigResource(ConfigResource.Type.TOPIC, name("plain"));
        var absent = new ConfigResource(ConfigResource.Type.TOPIC, name("absent"));
        var broker = new ConfigResource(ConfigResource.Type.BROKER, String.valueOf(brokers.get(0)));
        var everyBroker = new ConfigResource(ConfigResource.Type.BROKER, "");
        var auto = new ConfigResource(ConfigResource.Type.TOPIC, name("auto"));
        ask("configs.topic", () -> configs(plain));
        ask("configs.broker", () -> configs(broker));
        ask("configs.broker_defaults", () -> configs(everyBroker));
        ask("configs.absent", () -> configs(absent));
        ask("configs.set", () -> alter(plain, false, op("retention.bytes", "123456", AlterConfigOp.OpType.SET), op("cleanup.policy", "compact", AlterConfigOp.OpType.APPEND)));
        ask("configs.after_set", () -> settle(() -> changed(plain), c -> c.containsKey("retention.bytes")));
        ask("configs.delete", () -> alter(plain, false, op("retention.bytes", "", AlterConfigOp.OpType.DELETE), op("cleanup.policy", "delete", AlterConfigOp.OpType.SUBTRACT)));
        ask("configs.after_delete", () -> settle(() -> changed(plain), c -> !c.containsKey("retention.bytes")));
        ask("configs.validate_only", () -> alter(plain, true, op("retention.bytes", "no", AlterConfigOp.OpType.SET)));
        ask("configs.bad_name", () -> alter(plain, false, op("no.such.config", "1", AlterConfigOp.OpType.SET)));
        ask("configs.append_to_number", () -> alter(plain, false, op("retention.ms", "1", AlterConfigOp.OpType.APPEND)));
        ask("configs.twice", () -> alter(plain, false, op("retention.ms", "1", AlterConfigOp.OpType.SET), op("retention.ms", "2", AlterConfigOp.OpType.SET)));
        ask("configs.alter_absent", () -> alter(absent, false, op("retention.ms", "1", AlterConfigOp.OpType.SET)));
        ask("configs.broker_read_only", () -> alter(broker, false, op("broker.rack", "r", AlterConfigOp.OpType.SET)));
        ask("configs.broker_default_set", () -> alter(everyBroker, false, op("log.retention.ms", "77777777", AlterConfigOp.OpType.SET)));
        ask("configs.topic_sees_it", () -> settle(() -> only(configs(auto), "retention.ms"), c -> c.toString().contains("value=77777777")));
        ask("configs.broker_default_delete", () -> alter(everyBroker, false, op("log.retention.ms", "", AlterConfigOp.OpType.DELETE)));
        ask("configs.topic_sees_default", () -> settle(() -> only(configs(auto), "retention.ms"), c -> c.toString().contains("value=604800000")));
        ask("configs.list", () -> admin.listConfigResources(Set.of(ConfigResource.Type.TOPIC), new ListConfigResourcesOptions()).all().get()
            .stream().map(ConfigResource::name).filter(n -> n.startsWith("jc-")).sorted().toList());
        ask("configs.list_types", () -> new TreeSet<>(admin.listConfigResources().all().get().stream().map(r -> r.type().name()).toList()));
    }

    static void partitions() {
        ask("partitions.to_5", () -> grow("plain", NewPartitions.increaseTo(5)));
        ask("partitions.assigned", () -> grow("assigned", NewPartitions.increaseTo(4, List.of(List.of(brokers.get(2), brokers.get(0))))));
        ask("partitions.after_assigned", () -> settle(() -> describe("assigned"), t -> partitionsOf(t).size() == 4 && list(partitionsOf(t).get(3), "isr").size() == 2));
        ask("partitions.same", () -> grow("plain", NewPartitions.increaseTo(5)));
        ask("partitions.absent", () -> grow("absent", NewPartitions.increaseTo(5)));
        // Four partitions with two replicas each, and the directory of a new one is made a moment after its partition.
        ask("log_dirs.assigned", () -> settle(Scenario::logDirs, found -> found.toString().split("jc-assigned-").length == 1 + 4 * 2));
        ask("features", () -> {
            var features = admin.describeFeatures().featureMetadata().get();
            var found = new TreeMap<String, Object>();
            features.supportedFeatures().forEach((name, range) -> found.put(name, List.of(range.minVersion(), range.maxVersion())));
            features.finalizedFeatures().forEach((name, range) -> found.put(name + " (finalized)", List.of(range.minVersionLevel(), range.maxVersionLevel())));
            return found;
        });
        ask("delete.topic", () -> { admin.deleteTopics(List.of(name("small"))).all().get(); return "deleted"; });
        ask("delete.by_id", () -> {
            Uuid id = admin.describeTopics(List.of(name("append-time"))).topicNameValues().get(name("append-time")).get().topicId();
            admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all().get();
            return "deleted";
        });
        ask("delete.unknown_id", () -> { admin.deleteTopics(TopicCollection.ofTopicIds(List.of(new Uuid(1, 2)))).all().get(); return "deleted"; });
        ask("delete.absent", () -> { admin.deleteTopics(List.of(name("absent"))).all().get(); return "deleted"; });
        ask("list.topics", () -> settle(() -> map("names", admin.listTopics().names().get().stream().filter(n -> n.startsWith("jc-")).sorted().toList()),
            t -> !list(t, "names").contains(name("small")) && !list(t, "names").contains(name("append-time"))));
    }

    // What is asked --------------------------------------------------------------------------------------------------

    static Object create(NewTopic topic) throws Exception {
        var reply = admin.createTopics(List.of(topic));
        reply.all().get();
        int wanted = reply.numPartitions(topic.name()).get();
        settle(() -> describe(topic.name().substring(3)), t -> partitionsOf(t).size() == wanted && partitionsOf(t).stream().allMatch(p -> p.get("leader") != null));
        return map("partitions", wanted, "factor", reply.replicationFactor(topic.name()).get(), "has_id", !reply.topicId(topic.name()).get().equals(Uuid.ZERO_UUID));
    }

    static Map<String, Object> describe(String topic) throws Exception {
        TopicDescription row;
        try {
            row = admin.describeTopics(List.of(name(topic))).topicNameValues().get(name(topic)).get();
        } catch (ExecutionException e) {
            return map("error", refusal(e), "partitions", List.of());
        }
        var rows = new ArrayList<Map<String, Object>>();
        for (var p : row.partitions())
            rows.add(map("index", p.partition(), "replicas", p.replicas().stream().map(n -> broker(n.id())).toList(), "isr", names(p.isr()),
                "leader", p.leader() == null ? null : broker(p.leader().id()), "eligible", p.elr() == null ? null : names(p.elr()),
                "last_known", p.lastKnownElr() == null ? null : names(p.lastKnownElr())));
        return map("is_internal", row.isInternal(), "partitions", rows);
    }

    static ProducerRecord<byte[], byte[]> record(String topic, int partition, long timestamp, String key, String value, RecordHeader... headers) {
        return new ProducerRecord<>(name(topic), partition, timestamp, bytes(key), bytes(value), List.of(headers));
    }

    static List<ProducerRecord<byte[], byte[]>> five(String codec) {
        var records = new ArrayList<ProducerRecord<byte[], byte[]>>();
        for (int n = 0; n < 5; n++) records.add(record("codecs", 0, BASE + CODECS.indexOf(codec) * 1000 + n, "k" + n, (codec + " value " + n + " ").repeat(20)));
        return records;
    }

    static Object send(List<ProducerRecord<byte[], byte[]>> records, Map<String, String> settings) throws Exception {
        var all = new HashMap<String, Object>(Map.of("bootstrap.servers", bootstrap, "max.block.ms", "8000", "delivery.timeout.ms", "12000", "request.timeout.ms", "8000", "linger.ms", "0"));
        all.putAll(settings);
        var landed = new ArrayList<Object>();
        try (var producer = new KafkaProducer<>(all, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (var r : records) {
                var at = producer.send(r).get(15, TimeUnit.SECONDS);
                landed.add(List.of(at.partition(), at.hasOffset() ? at.offset() : "none", moment(at.timestamp())));
            }
        }
        return landed;
    }

    static KafkaConsumer<byte[], byte[]> consumer(String reset) {
        return new KafkaConsumer<>(Map.of("bootstrap.servers", bootstrap, "auto.offset.reset", reset, "enable.auto.commit", "false", "fetch.max.wait.ms", "100",
            "default.api.timeout.ms", "10000"), new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    static Object read(String topic, int partition, int count, long start, String reset) throws Exception {
        var tp = new TopicPartition(name(topic), partition);
        try (var consumer = consumer(reset)) {
            consumer.assign(List.of(tp));
            consumer.seek(tp, start);
            var got = new ArrayList<Object>();
            long deadline = System.nanoTime() + Duration.ofSeconds(count == 0 ? 1 : 8).toNanos();
            while ((got.size() < count || count == 0) && System.nanoTime() < deadline)
                for (var r : consumer.poll(Duration.ofMillis(300)).records(tp)) {
                    var headers = new ArrayList<Object>();
                    r.headers().forEach(h -> headers.add(Arrays.asList(h.key(), text(h.value()))));
                    got.add(map("offset", r.offset(), "timestamp", moment(r.timestamp()), "timestamp_type", r.timestampType().name, "key", text(r.key()), "value", text(r.value()),
                        "headers", headers, "leader_epoch", r.leaderEpoch().orElse(-9)));
                }
            return map("records", got, "position", consumer.position(tp), "lag", consumer.currentLag(tp).isPresent() ? consumer.currentLag(tp).getAsLong() : null);
        }
    }

    static Object offset(String topic, int partition, OffsetSpec spec) throws Exception {
        var tp = new TopicPartition(name(topic), partition);
        var found = admin.listOffsets(Map.of(tp, spec)).partitionResult(tp).get();
        return List.of(found.offset(), moment(found.timestamp()), found.leaderEpoch().orElse(-9));
    }

    static Object deleteBefore(String topic, long offset) throws Exception {
        var tp = new TopicPartition(name(topic), 0);
        return admin.deleteRecords(Map.of(tp, RecordsToDelete.beforeOffset(offset))).lowWatermarks().get(tp).get().lowWatermark();
    }

    static Map<String, Object> configs(ConfigResource resource) throws Exception {
        var rows = admin.describeConfigs(List.of(resource), new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true)).all().get().get(resource);
        var found = new TreeMap<String, Object>();
        for (var e : rows.entries()) {
            boolean given = e.source() == ConfigEntry.ConfigSource.STATIC_BROKER_CONFIG;
            found.put(e.name(), map("value", given ? "given" : e.value(), "source", e.source().name(), "read_only", e.isReadOnly(), "sensitive", e.isSensitive(), "type", e.type().name(),
                "has_documentation", e.documentation() != null && !e.documentation().isEmpty(),
                "synonyms", e.synonyms().stream().map(s -> Arrays.asList(s.name(), s.source() == ConfigEntry.ConfigSource.STATIC_BROKER_CONFIG ? "given" : s.value(), s.source().name())).toList()));
        }
        return found;
    }

    static Map<String, Object> only(Map<String, Object> configs, String name) { return map(name, configs.get(name)); }

    static Map<String, Object> changed(ConfigResource resource) throws Exception {
        var found = new TreeMap<String, Object>();
        for (var e : admin.describeConfigs(List.of(resource)).all().get().get(resource).entries())
            if (e.source() == ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG) found.put(e.name(), e.value());
        return found;
    }

    static AlterConfigOp op(String name, String value, AlterConfigOp.OpType type) { return new AlterConfigOp(new ConfigEntry(name, value), type); }

    static Object alter(ConfigResource resource, boolean validateOnly, AlterConfigOp... ops) throws Exception {
        admin.incrementalAlterConfigs(Map.of(resource, List.of(ops)), new AlterConfigsOptions().validateOnly(validateOnly)).all().get();
        return "altered";
    }

    static Object grow(String topic, NewPartitions partitions) throws Exception {
        admin.createPartitions(Map.of(name(topic), partitions)).all().get();
        return "grown";
    }

    // How it is written down -----------------------------------------------------------------------------------------

    static void ask(String name, Question question) {
        long started = System.nanoTime();
        Object answer;
        try {
            answer = question.ask();
        } catch (Exception error) {
            answer = refusal(error);
        }
        answers.put(name, answer);
        double seconds = (System.nanoTime() - started) / 1e9;
        if (seconds > 3) System.err.printf("slow: %s took %.1f s%n", name, seconds);
    }

    static Object refusal(Exception error) {
        Throwable cause = error instanceof ExecutionException && error.getCause() != null ? error.getCause() : error;
        Errors code = Errors.forException(cause);
        String message = String.valueOf(cause.getMessage()).replaceAll("127\\.0\\.0\\.1:\\d+", "127.0.0.1:PORT").replaceAll("\\bbroker \\d\\b", "broker N")
            .replaceAll("\\(id: \\d+ rack: [^ ]*", "(id: N rack: R");
        return map("error", code == Errors.UNKNOWN_SERVER_ERROR ? cause.getClass().getSimpleName() : code.name(), "message", message);
    }

    interface Poll { Map<String, Object> ask() throws Exception; }

    static Map<String, Object> logDirs() throws Exception {
        var found = new TreeMap<String, Object>();
        for (var broker : admin.describeLogDirs(brokers).allDescriptions().get().entrySet())
            for (var directory : broker.getValue().values()) {
                var sizes = new TreeMap<String, Object>();
                directory.replicaInfos().forEach((tp, info) -> {
                    if (tp.topic().startsWith(name("assigned"))) sizes.put(tp.toString(), List.of(info.size(), info.offsetLag(), info.isFuture()));
                });
                found.put(broker(broker.getKey()), map("error", directory.error() == null ? null : directory.error().toString(), "replicas", sizes));
            }
        return found;
    }

    /** Asks until it is done: a KRaft broker learns of changes a moment after they were acknowledged. */
    static Object settle(Poll question, Predicate<Map<String, Object>> done) throws Exception {
        long deadline = System.nanoTime() + Duration.ofSeconds(10).toNanos();
        while (true) {
            var answer = question.ask();
            if (done.test(answer) || System.nanoTime() > deadline) return answer;
            Thread.sleep(50);
        }
    }

    @SuppressWarnings("unchecked")
    static List<Map<String, Object>> partitionsOf(Map<String, Object> topic) { return (List<Map<String, Object>>) topic.get("partitions"); }

    static List<?> list(Map<String, Object> row, String field) { return (List<?>) row.get(field); }

    static String name(String topic) { return "jc-" + topic; }

    static String broker(int id) { return brokers.contains(id) ? "b" + brokers.indexOf(id) : String.valueOf(id); }

    static List<String> names(Collection<Node> nodes) { return nodes.stream().map(n -> broker(n.id())).sorted().toList(); }

    static Object moment(long timestamp) { return timestamp > BASE + 10_000_000_000L ? "now" : timestamp; }

    static byte[] bytes(String text) { return text == null ? null : text.getBytes(StandardCharsets.UTF_8); }

    static String text(byte[] bytes) { return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8); }

    static Map<String, Object> map(Object... pairs) {
        var found = new TreeMap<String, Object>();
        for (int i = 0; i < pairs.length; i += 2) found.put((String) pairs[i], pairs[i + 1]);
        return found;
    }
}
