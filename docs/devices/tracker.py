#!/usr/bin/python3
"""A tracker that signs what it measures, written from docs/formats.md alone.

  tracker.py new  STATE --id carrier.PY-1 --msp CarrierMSP    makes a key and prints the body of POST /v1/trackers
  tracker.py send STATE --broker HOST:PORT [--ca FILE] [--every SECONDS]
                                                              sends the readings of its standard input and ends when
                                                              all are acknowledged

A reading is a line such as {"temperature": 4.2, "humidity": 55}, the next one due in SECONDS (60): that promise shows later that none
is missing at the end. STATE is one SQLite file, mode 0600: the key, the place in the
chain, and every message that is not acknowledged yet. Debian: python3-paho-mqtt (1.6), python3-cryptography, python3-cbor2.
"""
import argparse, base64, hashlib, json, os, queue, sqlite3, sys, threading, time

import cbor2
import paho.mqtt.client as mqtt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

UNITS = {"temperature": "Cel", "humidity": "%RH", "shock": "m/s2", "light": "lx", "door": "/", "lat": "lat", "lon": "lon", "battery": "%EL"}
DATA, GAP = 0, 2
DEPLOYMENT = "trackseal"  # `deployment` in ingest's configuration
MAY_BECOME_GOOD = {"rate_limited", "unknown_tracker", "revoked", "other_operator", "wrong_key"}
MOST_HELD = 10_000  # messages; what is older is given up and declared lost
SCHEMA = """CREATE TABLE tracker (id, msp, key, boot, seq, prev, acked_boot, acked_seq, beacon);
CREATE TABLE held (boot, seq, raw, hash, PRIMARY KEY (boot, seq));"""

sha256 = lambda data: hashlib.sha256(data).digest()
cbor = lambda value: cbor2.dumps(value, canonical=True)  # the map keys used here sort alike by RFC 7049 and RFC 8949
base64url = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Tracker:
    def __init__(self, db):
        self.db, self.link, self.lower, self.every = db, None, 0, 60
        self.id, self.msp, key = db.execute("SELECT id, msp, key FROM tracker").fetchone()
        self.key = Ed25519PrivateKey.from_private_bytes(key)
        self.public = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.topic = f"trackseal/v1/{sha256(self.id.encode())[:1].hex()}/{self.id}/"

    def enrolment(self):
        possession = f"trackseal/possession/1\n{self.id}\n{self.msp}\nEd25519\n{self.public.hex()}".encode()
        return {"id": self.id, "public_key": self.public.hex(), "alg": "Ed25519", "proof": self.key.sign(possession).hex()}

    def password(self):
        now = int(time.time())
        claims = {"sub": self.id, "aud": DEPLOYMENT, "iat": now, "exp": now + 12 * 3600}
        text = ".".join(base64url(json.dumps(part).encode()) for part in ({"alg": "EdDSA", "typ": "JWT"}, claims))
        return text + "." + base64url(self.key.sign(text.encode()))

    def sign(self, kind, values={}, detail=None):
        """Signs the next message and keeps it: what is signed twice in one place of the chain is a fork."""
        boot, seq, prev, beacon = self.db.execute("SELECT boot, seq, prev, beacon FROM tracker").fetchone()
        now = time.time_ns() // 1_000_000
        records = [{0: name, 1: UNITS[name], 2: value} for name, value in values.items()]
        if records:
            records[0].update({-2: self.id + "/", -3: now / 1000})
        claims = {2: self.id, 267: boot, -70001: seq, -70002: prev, -70003: kind, -70004: now, -70006: self.every}
        if beacon:
            block, root = json.loads(beacon)
            claims[-70007] = [block, bytes.fromhex(root)]
        if detail:
            claims[-70008] = detail
        kid, pack = sha256(cbor({1: 1, -1: 6, -2: self.public})), cbor(records)
        protected = cbor({1: -19, 4: kid, 15: claims})
        signature = self.key.sign(cbor(["Signature1", protected, b"", sha256(pack)]))
        cose = cbor([protected, {}, sha256(pack), signature])
        raw = cbor([cose, pack])
        with self.db:
            self.db.execute("INSERT INTO held VALUES (?, ?, ?, ?)", (boot, seq, raw, sha256(raw).hex()))
            self.db.execute("UPDATE tracker SET seq = seq + 1, prev = ?", (sha256(cose),))
        print(f"kept {boot}/{seq}", flush=True)
        if self.link and self.link.is_connected():
            self.link.publish(self.topic + "up", raw, qos=1)
        if self.held() > MOST_HELD:  # but none that links two boots
            self.give_up(*self.db.execute("SELECT boot, seq FROM held WHERE seq > 0 ORDER BY boot, seq").fetchone())

    def give_up(self, boot, seq):
        with self.db:
            self.db.execute("DELETE FROM held WHERE boot = ? AND seq = ?", (boot, seq))
        self.sign(GAP, detail=[boot, seq, seq])

    def held(self):
        return self.db.execute("SELECT count(*) FROM held").fetchone()[0]

    def send_all(self):
        for (raw,) in self.db.execute("SELECT raw FROM held ORDER BY boot, seq").fetchall():
            self.link.publish(self.topic + "up", raw, qos=1)

    def connected(self, link, _data, _flags, code):
        if code != 0:
            return print("no login:", mqtt.connack_string(code), file=sys.stderr)
        link.subscribe(self.topic + "down", qos=1)
        link.publish(self.topic + "status", "online", qos=1, retain=True)
        self.send_all()

    def heard(self, _link, _data, message):
        said = json.loads(message.payload)
        if said["type"] == "ack" and "boot" in said:
            self.acknowledged((said["boot"], said["seq"]), said.get("beacon"))
        elif said["type"] == "nack":
            print("refused:", message.payload.decode(), file=sys.stderr)
            place = self.db.execute("SELECT boot, seq FROM held WHERE hash = ?", (said.get("hash"),)).fetchone()
            if place and said["reason"] not in MAY_BECOME_GOOD:
                self.give_up(*place)

    def acknowledged(self, at, beacon):
        before = self.db.execute("SELECT acked_boot, acked_seq FROM tracker").fetchone()
        self.lower = self.lower + 1 if at < before else 0
        if at < before and self.lower < 3:
            return
        with self.db:
            self.db.execute("DELETE FROM held WHERE (boot, seq) <= (?, ?)", at)
            self.db.execute("UPDATE tracker SET acked_boot = ?, acked_seq = ?", at)
            if beacon:
                self.db.execute("UPDATE tracker SET beacon = ?", (json.dumps([beacon["block"], beacon["root"]]),))
        if at < before:  # for the third time: ingest lost what it had, and it is not held here any more
            self.sign(GAP, detail=[before[0], at[1] + 1 if at[0] == before[0] else 0, before[1]])


def send(tracker, host, port, ca):
    with tracker.db:  # each start is a new boot; its first message links to the last one of the boot before
        tracker.db.execute("UPDATE tracker SET boot = boot + 1, seq = 0")
    link = tracker.link = mqtt.Client(client_id=tracker.id)
    link.on_connect, link.on_message = tracker.connected, tracker.heard
    link.will_set(tracker.topic + "status", "offline", qos=1, retain=True)
    if ca:
        link.tls_set(ca)
    lines = queue.Queue(1000)  # what standard input holds, and None at its end
    threading.Thread(target=lambda: (all(lines.put(line) is None for line in sys.stdin), lines.put(None)), daemon=True).start()
    reading, pause, next_try, before, moved = True, 1, 0, 0, 0
    while reading or tracker.held():
        while reading and not lines.empty():
            line = lines.get()
            reading = line is not None
            if reading:
                tracker.sign(DATA, json.loads(line))
        if tracker.held() != before:
            before, moved = tracker.held(), time.monotonic()
        elif link.is_connected() and time.monotonic() - moved > 30:  # a PUBACK of any broker is no acknowledgement: once more
            moved = time.monotonic()
            tracker.send_all()
        if link.loop(0.05) == mqtt.MQTT_ERR_SUCCESS:
            pause = 1 if link.is_connected() else pause
        elif time.monotonic() < next_try:
            time.sleep(0.05)
        else:
            next_try, pause = time.monotonic() + pause, min(2 * pause, 60)
            link.username_pw_set(tracker.id, tracker.password())  # each password is good for a day at most
            try:
                link.connect(host, port)
            except OSError as error:
                print("no connection:", error, file=sys.stderr)
    link.publish(tracker.topic + "status", "offline", qos=0, retain=True)
    link.loop(0.05)
    link.disconnect()


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("do", choices=["new", "send"])
    args.add_argument("state")
    for option in "--id", "--msp", "--broker", "--ca":
        args.add_argument(option)
    args.add_argument("--every", type=int, default=60)
    args = args.parse_args()
    os.umask(0o077)
    db = sqlite3.connect(args.state)
    db.execute("PRAGMA synchronous = FULL")
    if args.do == "new":
        db.executescript(SCHEMA)
        key = Ed25519PrivateKey.generate().private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        with db:
            db.execute("INSERT INTO tracker VALUES (?, ?, ?, 0, 0, ?, 0, 0, NULL)", (args.id, args.msp, key, bytes(32)))
        return print(json.dumps(Tracker(db).enrolment()))
    tracker = Tracker(db)
    tracker.every = args.every
    host, port = args.broker.rsplit(":", 1)
    send(tracker, host, int(port), args.ca)


main()
