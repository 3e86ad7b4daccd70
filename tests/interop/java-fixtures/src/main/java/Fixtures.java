import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.*;
import org.apache.kafka.common.record.Record;

/** Writes record batches with Kafka's own classes, or reads batches that others wrote (argument: --read). */
public class Fixtures {
    private static final int RECORDS = 100;

    public static void main(String[] args) throws IOException {
        if (args[0].equals("--read")) {
            for (int i = 1; i < args.length; i++) {
                try {
                    read(Path.of(args[i]));
                } catch (RuntimeException e) {
                    System.out.println(Path.of(args[i]).getFileName() + " " + Errors.forException(e) + " " + e);
                }
            }
            return;
        }
        Path dir = Path.of(args[0]);
        Files.createDirectories(dir);
        for (CompressionType type : CompressionType.values()) {
            Compression codec = Compression.of(type).build();
            write(dir, type.name, batch((byte) 2, codec, TimestampType.CREATE_TIME, false));
            if (type != CompressionType.ZSTD) {
                write(dir, "magic0-" + type.name, batch((byte) 0, codec, TimestampType.CREATE_TIME, false));
                write(dir, "magic1-" + type.name, batch((byte) 1, codec, TimestampType.CREATE_TIME, false));
            }
        }
        write(dir, "log-append-time", batch((byte) 2, Compression.NONE, TimestampType.LOG_APPEND_TIME, false));
        write(dir, "transactional", batch((byte) 2, Compression.NONE, TimestampType.CREATE_TIME, true));
        for (ControlRecordType type : List.of(ControlRecordType.COMMIT, ControlRecordType.ABORT)) {
            write(dir, "control-" + type.name().toLowerCase(), MemoryRecords.withEndTransactionMarker(
                42, 1_700_000_000_000L, 3, 7, (short) 1, new EndTransactionMarker(type, 9)).buffer());
        }
    }

    private static ByteBuffer batch(byte magic, Compression codec, TimestampType type, boolean transactional) {
        MemoryRecordsBuilder builder = new MemoryRecordsBuilder(ByteBuffer.allocate(1 << 20), magic, codec, type, 1_000,
            type == TimestampType.LOG_APPEND_TIME ? 1_700_000_009_999L : RecordBatch.NO_TIMESTAMP,
            transactional ? 7 : RecordBatch.NO_PRODUCER_ID, transactional ? (short) 1 : RecordBatch.NO_PRODUCER_EPOCH,
            transactional ? Integer.MAX_VALUE - 9 : RecordBatch.NO_SEQUENCE, transactional, false, 5, 1 << 20);
        for (int i = 0; i < RECORDS; i++) {
            byte[] key = i % 3 == 0 ? null : utf8("key-" + i);
            byte[] value = i % 7 == 0 ? null : utf8("value-" + i + "-" + "x".repeat(i * 17 % 400));
            List<Header> headers = new ArrayList<>();
            for (int h = 0; magic == 2 && h < i % 4; h++) {
                headers.add(new RecordHeader("header", h == 2 ? null : utf8("h" + h)));
            }
            // Times run back and forth, so that deltas are negative too.
            builder.append(1_700_000_000_000L + i * 37 % 101, key, value, headers.toArray(new Header[0]));
        }
        return builder.build().buffer();
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static void write(Path dir, String name, ByteBuffer buffer) throws IOException {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        Files.write(dir.resolve(name + ".bin"), bytes);
    }

    /** Reads a file of batches as a broker does and prints each batch's records in one line. */
    private static void read(Path file) throws IOException {
        for (MutableRecordBatch batch : MemoryRecords.readableRecords(ByteBuffer.wrap(Files.readAllBytes(file))).batches()) {
            batch.ensureValid();
            int count = 0;
            long bytes = 0;
            for (Record record : batch) {
                record.ensureValid();
                count++;
                bytes += Math.max(0, record.keySize()) + Math.max(0, record.valueSize());
            }
            System.out.println(file.getFileName() + " " + batch.compressionType().name + " records=" + count
                + " bytes=" + bytes + " last_offset=" + batch.lastOffset() + " last_sequence=" + batch.lastSequence());
        }
    }
}
