"""A client on librdkafka for a chaos run: see python.go."""
import faulthandler
import json
import logging
import select
import sys
import threading
import time
import zlib

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

faulthandler.enable()  # aborted, we say where we were
task = json.loads(sys.stdin.readline())
keys = [tuple(k) for k in task["keys"]]
index = {k: i for i, k in enumerate(keys)}
process = task["process"]
lock = threading.Lock()
COMMON = {
    "bootstrap.servers": task["bootstrap"],
    "socket.timeout.ms": 3000,
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 500,
    "topic.metadata.refresh.interval.ms": 5000,
    "log_level": 0,
}


def now():
    return time.monotonic_ns() - task["base"]


def event(e, f, **more):
    more.update(t=now(), p=process, e=e, f=f)
    line = json.dumps(more, separators=(",", ":")) + "\n"
    with lock:
        sys.stdout.write(line)


def flush():
    with lock:
        sys.stdout.flush()


def ended():
    """Tells whether our input has ended: then so do we."""
    ready, _, _ = select.select([sys.stdin], [], [], 0)
    return bool(ready)


def encode(value, size):
    body = bytearray(value.to_bytes(8, "big"))
    body += b"." * max(0, size - 12)
    return bytes(body) + zlib.crc32(body).to_bytes(4, "big")


def decode(body):
    if body is None or len(body) < 12 or zlib.crc32(body[:-4]) != int.from_bytes(body[-4:], "big"):
        return 0
    return int.from_bytes(body[:8], "big")


class Renumbered(logging.Handler):
    """Notes when the library gives up what it has sent and numbers records anew."""

    def emit(self, record):
        text = record.getMessage()
        if "epoch bump" in text:
            event("info", "note", s="librdkafka: " + text)


def send():
    logger = logging.getLogger()
    logger.setLevel(logging.DEBUG)
    logger.addHandler(Renumbered())
    producer = Producer(dict(COMMON, **{
        "log_level": 7, "debug": "eos",
        "enable.idempotence": True, "acks": "all", "linger.ms": 5, "message.timeout.ms": 0,
        "request.timeout.ms": 3000, "retry.backoff.ms": 50, "compression.type": "snappy",
    }), logger=logger)
    under = [0] * len(keys)

    def delivered(key, value):
        def report(err, msg):
            under[key] -= 1
            if err is None:
                # None: it is there, but where is not known.
                offset = msg.offset()
                event("ok", "send", k=key, v=value, o=-1 if offset is None else offset)
            else:
                event("info", "send", k=key, v=value, s=str(err))
        return report

    n, due, step = 0, time.monotonic(), len(keys) / task["rate"]
    while not ended():
        producer.poll(max(0, min(step, due - time.monotonic())))
        flush()
        if time.monotonic() < due:
            continue
        due = max(due + step, time.monotonic() - 1)
        for key, (topic, partition) in enumerate(keys):
            if under[key] >= task["window"]:
                continue
            n += 1
            value = process << 32 | n
            event("invoke", "send", k=key, v=value)
            under[key] += 1
            producer.produce(topic, encode(value, 40 + n % 160), partition=partition, on_delivery=delivered(key, value))
    producer.flush(5)
    flush()


def member():
    consumer = Consumer(dict(COMMON, **{
        "group.id": task["group"], "enable.auto.commit": False, "auto.offset.reset": "earliest",
        "session.timeout.ms": 6000, "heartbeat.interval.ms": 1000, "max.poll.interval.ms": 10000,
        "fetch.wait.max.ms": 250,
    }))

    def own(text):
        def moved(_, parts):
            event("ok", "own", s=text, r=[{"k": index[p.topic, p.partition], "o": 0} for p in parts])
        return moved

    consumer.subscribe(sorted({t for t, _ in keys}), on_assign=own("given"), on_revoke=own("taken"), on_lost=own("lost"))
    while not ended():
        begin, runs, ends = now(), [], {}
        for msg in consumer.consume(500, 0.5):
            if msg.error():
                continue
            key = index[msg.topic(), msg.partition()]
            if not runs or runs[-1]["k"] != key or runs[-1]["o"] + len(runs[-1]["v"]) != msg.offset():
                runs.append({"k": key, "o": msg.offset(), "v": []})
            runs[-1]["v"].append(decode(msg.value()))
            ends[key] = msg.offset() + 1
        if runs:
            event("ok", "poll", b=begin, r=runs)
            commit(consumer, ends)
        flush()
    consumer.close()
    flush()


# What a coordinator refuses for its generation certainly did not happen.
REFUSED = (KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID, KafkaError.REBALANCE_IN_PROGRESS)


def commit(consumer, ends):
    begin = now()
    more = {"b": begin, "g": task["group"], "r": [{"k": k, "o": o} for k, o in ends.items()]}
    try:
        done = consumer.commit(offsets=[TopicPartition(*keys[k], o) for k, o in ends.items()], asynchronous=False)
        bad = [str(p.error) for p in done if p.error]
        if bad:
            event("info", "commit", s=bad[0], **more)
        else:
            event("ok", "commit", **more)
    except KafkaException as e:
        code = e.args[0].code()
        event("fail" if code in REFUSED and len(ends) == 1 else "info", "commit", s=str(e.args[0]), **more)


try:
    {"send": send, "member": member}[task["mode"]]()
except BrokenPipeError:
    sys.exit(1)
except KafkaException as e:
    # The library gives up: so does this client, and that is noted.
    event("info", "note", s="librdkafka: " + str(e))
    flush()
