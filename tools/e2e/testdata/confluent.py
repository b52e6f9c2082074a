"""librdkafka through confluent-kafka: idempotent producer, group consumer, admin.

Usage: confluent.py BOOTSTRAP COUNT
"""
import sys

from confluent_kafka import Consumer, Producer, TopicPartition, OFFSET_BEGINNING
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic

bootstrap, count = sys.argv[1], int(sys.argv[2])
admin = AdminClient({"bootstrap.servers": bootstrap})
admin.create_topics([NewTopic("py", 3, 1, config={"retention.ms": "123456789"})])["py"].result(30)
resource = ConfigResource("topic", "py")
configs = admin.describe_configs([resource])[resource].result(30)
assert configs["retention.ms"].value == "123456789", configs["retention.ms"]
admin.create_partitions([NewPartitions("py", 4)])["py"].result(30)

errors = []
producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 5})
for i in range(count):
    while True:
        try:
            producer.produce("py", key=b"k%d" % (i % 97), value=b"v%d" % i, headers=[("n", b"%d" % i)],
                             on_delivery=lambda err, _: err and errors.append(err))
            break
        except BufferError:
            producer.poll(0.1)
producer.flush(60)
assert not errors, errors[:3]

consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "py", "auto.offset.reset": "earliest",
                     "enable.auto.commit": False, "partition.assignment.strategy": "cooperative-sticky"})
consumer.subscribe(["py"])
seen, last = set(), {}
while len(seen) < count:
    m = consumer.poll(30)
    assert m is not None, "no record for 30 s, %d seen" % len(seen)
    assert m.error() is None, m.error()
    n = int(m.value()[1:])
    assert n not in seen, "twice: %d" % n
    assert m.key() == b"k%d" % (n % 97) and m.headers() == [("n", b"%d" % n)], (m.key(), m.headers())
    assert n > last.get(m.key(), -1), "out of order"
    last[m.key()] = n
    seen.add(n)
consumer.commit(asynchronous=False)
committed = consumer.committed([TopicPartition("py", p) for p in range(4)])
assert sum(max(c.offset, 0) for c in committed) == count, committed
low, high = consumer.get_watermark_offsets(TopicPartition("py", 0))
assert low == 0 and high == max(committed[0].offset, 0), (low, high, committed[0])
consumer.close()
admin.delete_topics(["py"])["py"].result(30)
print("ok")
