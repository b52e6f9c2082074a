"""kafka-python: producer with every codec it has, group consumer, seek by time, admin.

Usage: kafka_python.py BOOTSTRAP COUNT
"""
import sys

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

bootstrap, count = sys.argv[1], int(sys.argv[2])
admin = KafkaAdminClient(bootstrap_servers=bootstrap)
for codec in [None, "gzip"]:
    topic = "kp-%s" % codec
    admin.create_topics([NewTopic(topic, 2, 1)])
    producer = KafkaProducer(bootstrap_servers=bootstrap, compression_type=codec, acks="all", linger_ms=5)
    futures = [producer.send(topic, key=b"%d" % (i % 7), value=b"v%d" % i, timestamp_ms=1000 + i, headers=[("a", b"b")])
               for i in range(count)]
    producer.flush(60)
    for f in futures:
        f.get(30)
    consumer = KafkaConsumer(topic, bootstrap_servers=bootstrap, group_id="g-%s" % codec, auto_offset_reset="earliest",
                             consumer_timeout_ms=30000)
    seen = set()
    for m in consumer:
        n = int(m.value[1:])
        assert n not in seen and m.timestamp == 1000 + n and m.headers == [("a", b"b")], m
        seen.add(n)
        if len(seen) == count:
            break
    assert len(seen) == count, len(seen)
    consumer.commit()
    parts = [TopicPartition(topic, p) for p in range(2)]
    assert sum(consumer.committed(p) or 0 for p in parts) == count
    at = consumer.offsets_for_times({p: 1000 for p in parts})
    assert all(at[p].offset == 0 for p in parts), at
    assert all(v is None for v in consumer.offsets_for_times({p: 10**13 for p in parts}).values())
    consumer.close()
    producer.close()
assert set(admin.list_topics()) >= {"kp-None", "kp-gzip"}
assert ("g-gzip", "consumer") in admin.list_consumer_groups()
assert admin.describe_consumer_groups(["g-gzip"])[0].state == "Empty"
admin.delete_topics(["kp-None", "kp-gzip"])
admin.close()
print("ok")
