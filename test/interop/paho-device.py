"""A device on Eclipse Paho: reports its state at each QoS, prints its commands, and ends at the command "stop"."""
import json
import sys
from urllib.parse import urlsplit

from paho.mqtt import client as mqtt

options = json.loads(sys.argv[1])
address = urlsplit(options["url"])
device_id = options["deviceId"]
state, command = f"losant/{device_id}/state", f"losant/{device_id}/command"
unacknowledged = set()

client = mqtt.Client(
    client_id=options.get("clientId", device_id),
    clean_session=True,
    protocol={3: mqtt.MQTTv31, 4: mqtt.MQTTv311}[options["version"]],
    transport="websockets" if address.scheme in ("ws", "wss") else "tcp",
    reconnect_on_failure=False,
)
client.username_pw_set(options["accessKey"], options["accessSecret"])
if address.scheme in ("mqtts", "wss"):
    client.tls_set(options["ca"])


def say(*words):
    print(*words, flush=True)


def on_connect(client, userdata, flags, code):
    say("connack", code)
    if code == 0:
        client.subscribe([(command, 1), (options.get("foreign", command), 1)])


def on_subscribe(client, userdata, message_id, granted):
    say("granted", *granted)
    for qos in (0, 1, 2):
        unacknowledged.add(client.publish(state, json.dumps({"data": {"rpm": qos}}), qos).mid)


def on_publish(client, userdata, message_id):
    unacknowledged.discard(message_id)
    if not unacknowledged:
        say("reported")


def on_message(client, userdata, message):
    say("command", message.payload.decode(), message.qos)
    if message.payload == b"stop":
        client.disconnect()


def on_disconnect(client, userdata, code):
    say("disconnected", code)


client.on_connect, client.on_disconnect, client.on_subscribe = on_connect, on_disconnect, on_subscribe
client.on_publish, client.on_message = on_publish, on_message
client.connect(address.hostname, address.port)
client.loop_forever()
