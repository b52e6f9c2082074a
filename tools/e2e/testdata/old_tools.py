"""What works on Kafka's znodes without asking a broker, as CMAK and Kafka's tools up to 2.x do.

Usage: old_tools.py ZOOKEEPER/CHROOT BOOTSTRAP

Reads the whole tree with nothing but kazoo and a JSON parser, creates topics, adds partitions, moves replicas, elects
leaders, changes configurations and deletes topics by writing nodes, and asks the brokers by kafka-python and librdkafka
whether the cluster has done it.
"""
import json
import sys
import time

from confluent_kafka.admin import AdminClient, ConfigResource
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

connect, bootstrap = sys.argv[1], sys.argv[2]
zk = KazooClient(hosts=connect)
zk.start()
admin = AdminClient({"bootstrap.servers": bootstrap})


def load(path):
    return json.loads(zk.get(path)[0])


def dump(value):
    return json.dumps(value).encode()  # with blanks, as no broker writes it


def until(what, condition, seconds=30):
    end = time.time() + seconds
    while True:
        try:
            if condition():
                return
        except NoNodeError:
            pass
        assert time.time() < end, what
        time.sleep(0.05)


def topics():
    return admin.list_topics(timeout=10).topics


def partition(topic, number):
    return topics()[topic].partitions[number]


def replicas(topic):
    """partition -> replicas, as every broker tells; None while they do not agree."""
    told = []
    for address in bootstrap.split(","):
        found = AdminClient({"bootstrap.servers": address}).list_topics(timeout=10).topics.get(topic)
        told.append(found and {n: p.replicas for n, p in found.partitions.items()})
    return told[0] if all(t == told[0] for t in told) else None


def configured(topic, key):
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    return admin.describe_configs([resource])[resource].result(10)[key].value


def reads_the_brokers():
    ids = sorted(int(i) for i in zk.get_children("/brokers/ids"))
    assert ids == [0, 1, 2], ids
    addresses = set()
    for i in ids:
        data, stat = zk.get("/brokers/ids/%d" % i)
        b = json.loads(data)
        assert b["version"] == 5 and b["jmx_port"] == -1 and b["features"] == {}, b
        assert b["endpoints"] == ["PLAINTEXT://%s:%d" % (b["host"], b["port"])], b
        assert b["listener_security_protocol_map"] == {"PLAINTEXT": "PLAINTEXT"}, b
        assert 0 <= time.time() * 1000 - int(b["timestamp"]) < 600000, b
        assert stat.ephemeralOwner != 0
        addresses.add("%s:%d" % (b["host"], b["port"]))
    assert addresses == set(bootstrap.split(",")), addresses
    controller = load("/controller")
    assert controller["version"] == 2 and isinstance(controller["timestamp"], str), controller
    assert zk.exists("/controller").ephemeralOwner == zk.exists("/brokers/ids/%d" % controller["brokerid"]).ephemeralOwner
    assert admin.list_topics(timeout=10).controller_id == controller["brokerid"]
    assert int(zk.get("/controller_epoch")[0]) >= 1
    assert load("/cluster/id")["id"] == admin.list_topics(timeout=10).cluster_id


def creates_a_topic():
    """As `kafka-topics --zookeeper` did: the configuration, then the topic, in version 1, without an id."""
    zk.create("/config/topics/old", dump({"version": 1, "config": {"retention.ms": "7200000"}}))
    zk.create("/brokers/topics/old", dump({"version": 1, "partitions": {"0": [1, 2, 0], "1": [2, 0]}}))
    until("the topic is not made", lambda: replicas("old") == {0: [1, 2, 0], 1: [2, 0]})
    until("no leaders", lambda: [load("/brokers/topics/old/partitions/%d/state" % p)["leader"] for p in (0, 1)] == [1, 2])
    state = load("/brokers/topics/old/partitions/0/state")
    assert state["isr"] == [1, 2, 0] and state["leader_epoch"] == 0 and state["version"] == 1, state
    until("no id is given", lambda: len(load("/brokers/topics/old").get("topic_id", "")) == 22)
    now = load("/brokers/topics/old")
    assert now["version"] == 3 and now["partitions"] == {"0": [1, 2, 0], "1": [2, 0]}, now
    assert configured("old", "retention.ms") == "7200000"


def adds_partitions():
    """By setting the topic's node, under the version that was read."""
    data, stat = zk.get("/brokers/topics/old")
    topic = json.loads(data)
    topic["partitions"]["2"] = [0, 1]
    zk.set("/brokers/topics/old", dump(topic), version=stat.version)
    until("the partition is not made", lambda: (replicas("old") or {}).get(2) == [0, 1])
    until("no leader", lambda: load("/brokers/topics/old/partitions/2/state")["leader"] == 0)
    data, stat = zk.get("/brokers/topics/old")  # once more, by a writer that knows of no ids
    four = {"version": 1, "partitions": dict(json.loads(data)["partitions"], **{"3": [1]})}
    topic_id = json.loads(data)["topic_id"]
    zk.set("/brokers/topics/old", dump(four), version=stat.version)
    until("the partition is not made", lambda: (replicas("old") or {}).get(3) == [1])
    until("the id is lost", lambda: load("/brokers/topics/old").get("topic_id"))
    assert load("/brokers/topics/old")["topic_id"] == topic_id, "another id"


def writes_and_reads(count=400):
    producer = KafkaProducer(bootstrap_servers=bootstrap.split(","), acks="all", retries=5)
    futures = [producer.send("old", b"%d" % i, partition=i % 4) for i in range(count)]
    for f in futures:
        f.get(30)
    producer.close()
    consumer = KafkaConsumer(bootstrap_servers=bootstrap.split(","), auto_offset_reset="earliest", consumer_timeout_ms=30000)
    consumer.assign([TopicPartition("old", p) for p in range(4)])
    got = []
    while len(got) < count:
        got.append(int(next(consumer).value))
    consumer.close()
    assert sorted(got) == list(range(count))


def reassigns():
    wish = [("old", 0, [2, 0, 1]), ("old", 1, [1]), ("old", 3, [0, 2])]
    zk.create("/admin/reassign_partitions", dump(
        {"version": 1, "partitions": [{"topic": t, "partition": p, "replicas": r} for t, p, r in wish]}))
    until("the wish is still there", lambda: not zk.exists("/admin/reassign_partitions"))
    until("not moved", lambda: replicas("old") == {0: [2, 0, 1], 1: [1], 2: [0, 1], 3: [0, 2]})
    topic = load("/brokers/topics/old")
    assert topic["adding_replicas"] == {} and topic["removing_replicas"] == {}, topic
    assert load("/brokers/topics/old/partitions/1/state")["leader"] == 1
    assert sorted(load("/brokers/topics/old/partitions/3/state")["isr"]) == [0, 2]
    for nonsense in (b"no JSON", dump({"version": 1, "partitions": [{"topic": "nowhere", "partition": 0, "replicas": [0]}]}),
                     dump({"version": 1, "partitions": []})):
        zk.create("/admin/reassign_partitions", nonsense)
        until("%r stays" % nonsense, lambda: not zk.exists("/admin/reassign_partitions"))


def elects():
    """old-0 prefers broker 2 now, and is still led by another."""
    zk.create("/admin/preferred_replica_election", dump({"version": 1, "partitions": [{"topic": "old", "partition": 0}]}))
    until("the wish is still there", lambda: not zk.exists("/admin/preferred_replica_election"))
    until("not elected", lambda: partition("old", 0).leader == 2)
    assert load("/brokers/topics/old/partitions/0/state")["leader"] == 2


def notify(change):
    return zk.create("/config/changes/config_change_", dump(change), sequence=True)


def configures():
    """The node and a notice, of version 2 and of version 1 (before 0.9.0.1)."""
    for value, notice in (("1000001", {"version": 2, "entity_path": "topics/old"}),
                          ("1000002", {"version": 1, "entity_type": "topics", "entity_name": "old"})):
        zk.set("/config/topics/old", dump({"version": 1, "config": {"max.message.bytes": value}}))
        path = notify(notice)
        for address in bootstrap.split(","):
            one = AdminClient({"bootstrap.servers": address})
            resource = ConfigResource(ConfigResource.Type.TOPIC, "old")
            until("%s at %s" % (value, address),
                  lambda: one.describe_configs([resource])[resource].result(10)["max.message.bytes"].value == value)
        assert zk.exists(path), "notices stay for 15 minutes: other brokers may be away"
    assert configured("old", "retention.ms") != "7200000", "what is no longer in the node no longer holds"
    # It is enforced, and not only shown: a record over the limit is refused by the leader.
    zk.set("/config/topics/old", dump({"version": 1, "config": {"max.message.bytes": "1000"}}))
    notify({"version": 1, "entity_type": "topics", "entity_name": "old"})

    def refused():
        producer = KafkaProducer(bootstrap_servers=bootstrap.split(","), retries=0)
        try:
            producer.send("old", b"x" * 5000, partition=0).get(30)
            return False
        except Exception as e:
            assert type(e).__name__ == "MessageSizeTooLargeError", e
            return True
        finally:
            producer.close()
    until("a long record is taken", refused)
    notify({"version": 2, "entity_path": "topics/nowhere"})  # of a topic that is not there, and nonsense: both pass
    zk.create("/config/changes/config_change_", b"no JSON", sequence=True)
    zk.create("/config/brokers/1", dump({"version": 1, "config": {"log.retention.ms": "86400000"}}))
    notify({"version": 2, "entity_path": "brokers/1"})
    broker = ConfigResource(ConfigResource.Type.BROKER, "1")
    until("the broker's configuration", lambda: admin.describe_configs([broker])[broker].result(10)["log.retention.ms"].value == "86400000")


def deletes():
    zk.create("/admin/delete_topics/old", b"")
    zk.create("/admin/delete_topics/nowhere", b"")
    until("the topic is still there", lambda: "old" not in topics())
    for path in ("/admin/delete_topics/old", "/admin/delete_topics/nowhere", "/brokers/topics/old", "/config/topics/old"):
        until(path, lambda: not zk.exists(path))
    assert not zk.exists("/brokers/topics/nowhere")


def steps_aside():
    """/controller deleted by hand, which is how operators of old have another one elected."""
    epoch = int(zk.get("/controller_epoch")[0])
    zk.delete("/controller")
    until("no controller", lambda: zk.exists("/controller"))
    until("not in office", lambda: int(zk.get("/controller_epoch")[0]) == epoch + 1)
    zk.create("/brokers/topics/later", dump({"version": 1, "partitions": {"0": [0]}}))  # without a node in /config/topics
    until("the topic is not made", lambda: replicas("later") == {0: [0]})


for step in (reads_the_brokers, creates_a_topic, adds_partitions, writes_and_reads, reassigns, elects, configures, deletes,
             steps_aside):
    began = time.time()
    step()
    print("%s: %.1f s" % (step.__name__, time.time() - began), file=sys.stderr)
zk.stop()
print("ok")
