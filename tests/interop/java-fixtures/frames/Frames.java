import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.lang.reflect.Field;
import java.lang.reflect.ParameterizedType;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageSizeAccumulator;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.record.BaseRecords;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;

/**
 * Writes one frame per API, direction, version and filling: every field set to a value of its own ("full"), and every
 * field that may be null set to null, and no elements in arrays ("bare").
 *
 * A line is {"api", "kind", "version", "fill", "release", "hex": the frame without its length, "json": the body as
 * Kafka's JSON converter shows it, with names in snake case}.
 */
public final class Frames {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private final boolean full;
    private int counter;

    private Frames(boolean full) {
        this.full = full;
    }

    public static void main(String[] args) throws Exception {
        Path out = Path.of(args[0]);
        String release = args[1];
        // Only the first release begins files; later ones add versions.
        boolean first = true;
        try (var files = Files.list(out)) {
            first = files.noneMatch(file -> file.toString().endsWith(".jsonl"));
        }
        for (ApiMessageType api : ApiMessageType.values()) {
            Path file = out.resolve(api.name + ".jsonl");
            boolean wanted = first
                ? api.listeners().contains(ApiMessageType.ListenerType.BROKER) && api.highestSupportedVersion(false) >= 0
                : Files.exists(file);
            if (!wanted || api.name.endsWith("ShareGroupState") || api.name.equals("ReadShareGroupStateSummary")) {
                continue;
            }
            String before = Files.exists(file) ? Files.readString(file) : "";
            StringBuilder lines = new StringBuilder();
            short highest = api.highestSupportedVersion(first ? false : true);
            for (short version = api.lowestSupportedVersion(); version <= highest; version++) {
                if (before.contains("\"version\":" + version + ",")) {
                    continue;
                }
                for (boolean request : new boolean[] {true, false}) {
                    for (boolean full : new boolean[] {true, false}) {
                        lines.append(line(api, version, request, full, release)).append('\n');
                    }
                }
            }
            if (!lines.isEmpty()) {
                // Older versions are prepended, so that a file is in order.
                Files.writeString(file, lines + before, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING);
            }
        }
    }

    private static String line(ApiMessageType api, short version, boolean request, boolean full, String release)
        throws Exception {
        ApiMessage body = request ? api.newRequest() : api.newResponse();
        Schema[] schemas = request ? api.requestSchemas() : api.responseSchemas();
        new Frames(full).fill(body, schemas[version]);
        int correlationId = 1_000 * (api.apiKey() + 1) + version;
        ApiMessage header;
        short headerVersion;
        if (request) {
            header = new RequestHeaderData().setRequestApiKey(api.apiKey()).setRequestApiVersion(version)
                .setCorrelationId(correlationId).setClientId(full ? "fixture" : null);
            headerVersion = api.requestHeaderVersion(version);
        } else {
            header = new ResponseHeaderData().setCorrelationId(correlationId);
            headerVersion = api.responseHeaderVersion(version);
        }
        byte[] head = bytes(header, headerVersion);
        byte[] tail = bytes(body, version);
        ObjectNode line = MAPPER.createObjectNode();
        line.put("api", api.name);
        line.put("kind", request ? "request" : "response");
        line.put("version", (int) version);
        line.put("fill", full ? "full" : "bare");
        line.put("release", release);
        line.put("hex", HexFormat.of().formatHex(head) + HexFormat.of().formatHex(tail));
        line.set("json", snakeCase(json(body, version)));
        return MAPPER.writeValueAsString(line);
    }

    private static byte[] bytes(Message message, short version) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        MessageSizeAccumulator size = new MessageSizeAccumulator();
        message.addSize(size, cache, version);
        ByteBuffer buffer = ByteBuffer.allocate(size.totalSize());
        message.write(new ByteBufferAccessor(buffer), cache, version);
        if (buffer.hasRemaining()) {
            throw new IllegalStateException("the size of " + message + " is wrong");
        }
        return buffer.array();
    }

    private static JsonNode json(Message message, short version) throws Exception {
        Class<?> converter = Class.forName(message.getClass().getName() + "JsonConverter");
        return (JsonNode) converter.getMethod("write", message.getClass(), short.class).invoke(null, message, version);
    }

    private static JsonNode snakeCase(JsonNode node) {
        if (node instanceof ArrayNode array) {
            ArrayNode result = MAPPER.createArrayNode();
            array.forEach(element -> result.add(snakeCase(element)));
            return result;
        }
        if (node instanceof ObjectNode object) {
            ObjectNode result = MAPPER.createObjectNode();
            object.fields().forEachRemaining(entry -> {
                String name = entry.getKey().replaceAll("([a-z0-9])([A-Z])", "$1_$2").toLowerCase(java.util.Locale.ROOT);
                result.set(name, snakeCase(entry.getValue()));
            });
            return result;
        }
        return node;
    }

    /** Sets the fields that the schema of one version has. */
    private void fill(Object object, Schema schema) throws Exception {
        for (var bound : schema.fields()) {
            if (bound.def.type instanceof TaggedFields tagged) {
                if (full) {
                    for (var field : tags(tagged).values()) {
                        set(object, field.name, field.type);
                    }
                }
            } else {
                set(object, bound.def.name, bound.def.type);
            }
        }
    }

    @SuppressWarnings("unchecked")
    private static Map<Integer, org.apache.kafka.common.protocol.types.Field> tags(TaggedFields tagged) throws Exception {
        Field fields = TaggedFields.class.getDeclaredField("fields");
        fields.setAccessible(true);
        return new TreeMap<>((Map<Integer, org.apache.kafka.common.protocol.types.Field>) fields.get(tagged));
    }

    private void set(Object object, String name, Type type) throws Exception {
        StringBuilder camel = new StringBuilder();
        for (String word : name.split("_")) {
            camel.append(camel.isEmpty() ? word.substring(0, 1) : word.substring(0, 1).toUpperCase(java.util.Locale.ROOT));
            camel.append(word.substring(1));
        }
        Field field = object.getClass().getDeclaredField(camel.toString());
        field.setAccessible(true);
        if (!full && type.isNullable()) {
            field.set(object, null);
        } else if (type.arrayElementType().isPresent()) {
            field.set(object, array(field, type.arrayElementType().get()));
        } else if (Message.class.isAssignableFrom(field.getType())) {
            field.set(object, struct(field.getType(), type));
        } else {
            field.set(object, scalar(field.getType(), type, name, field.get(object)));
        }
    }

    private Object struct(Class<?> type, Type schema) throws Exception {
        var constructor = type.getDeclaredConstructor();
        constructor.setAccessible(true);
        Object struct = constructor.newInstance();
        fill(struct, (Schema) schema);
        return struct;
    }

    @SuppressWarnings("unchecked")
    private Object array(Field field, Type elementType) throws Exception {
        Class<?> elementClass;
        Collection<Object> elements;
        if (field.getType() == List.class) {
            elementClass = (Class<?>) ((ParameterizedType) field.getGenericType()).getActualTypeArguments()[0];
            elements = new ArrayList<>();
        } else {
            var parent = (ParameterizedType) field.getType().getGenericSuperclass();
            elementClass = (Class<?>) parent.getActualTypeArguments()[0];
            elements = (Collection<Object>) field.getType().getDeclaredConstructor().newInstance();
        }
        for (int i = 0; full && i < 2; i++) {
            boolean isStruct = Message.class.isAssignableFrom(elementClass);
            elements.add(isStruct ? struct(elementClass, elementType) : scalar(elementClass, elementType, "e", null));
        }
        return elements;
    }

    /** The next value; in a bare message zero or empty. */
    private Object scalar(Class<?> type, Type schema, String name, Object before) {
        int n = full ? ++counter : 0;
        if (type == boolean.class || type == Boolean.class) {
            return full && !Boolean.TRUE.equals(before);
        } else if (type == byte.class || type == Byte.class) {
            return (byte) (n % 3 == 2 ? -n : n);
        } else if (type == short.class || type == Short.class) {
            return (short) (n % 3 == 2 ? -n : n * 100);
        } else if (type == int.class || type == Integer.class) {
            // An unsigned 16-bit number is an int in Java.
            return schema == Type.UINT16 ? 0xff00 + n % 256 : n % 3 == 2 ? -n : n * 1_000_003;
        } else if (type == long.class || type == Long.class) {
            return n % 3 == 2 ? -n : n * 1_000_000_000_039L;
        } else if (type == double.class || type == Double.class) {
            return n * 0.375;
        } else if (type == Uuid.class) {
            return full ? new Uuid(0x0102030405060708L, n) : Uuid.ZERO_UUID;
        } else if (type == String.class) {
            return !full ? "" : n % 5 == 0 ? name + "-\u20ac-" + n : name + "-" + n;
        }
        byte[] bytes = full ? (name + '\0' + n).getBytes(StandardCharsets.UTF_8) : new byte[0];
        if (type == byte[].class) {
            return bytes;
        } else if (type == ByteBuffer.class) {
            return ByteBuffer.wrap(bytes);
        } else if (BaseRecords.class.isAssignableFrom(type)) {
            return MemoryRecords.readableRecords(ByteBuffer.wrap(bytes));
        }
        throw new IllegalArgumentException(name + " has an unknown type " + type);
    }
}
