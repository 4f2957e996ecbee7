"""Three small services for Gate's programs, in a program of their own.

| Service     | Packet of the program | What it does                                                      |
|-------------|-----------------------|-------------------------------------------------------------------|
| py/echo     | call, info            | comes back                                                        |
| py/later    | call                  | comes back when an info packet does; until then it is kept, in    |
|             |                       | snapshots too                                                     |
| py/counter  | call                  | the reply is how many calls there were, as a little-endian u64;   |
|             |                       | snapshots keep the number                                         |

Usage: echo.py [ADDRESS]. The address is unix:PATH or HOST:PORT; without one, the program serves over file descriptor 3, a socket that
Gate gives to it. The Python package of gRPC cannot serve over a socket that is connected already, so its bytes are passed on from one
that can be listened at.
"""

import os
import shutil
import socket
import struct
import sys
import tempfile
import threading
from collections import deque
from concurrent import futures

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.wrappers_pb2 import BytesValue

# Made of the protocol definition: see README.md.
from gate import service_pb2, service_pb2_grpc

# How a packet begins: size, code, domain, index.
HEADER = struct.Struct("<IhBB")
CALL, INFO = 0, 1

# How a snapshot begins: count of calls, size of the packets for the program. These and the calls that are not answered follow.
SNAPSHOT = struct.Struct("<QI")
COUNT = struct.Struct("<Q")


def make_packet(domain, content):
    """Gate corrects size and code; the size is right here so that packets can follow one another in snapshots."""
    return HEADER.pack(HEADER.size + len(content), 0, domain, 0) + content


def split_packets(data):
    """Takes packets apart that follow one another."""
    packets = []
    while data:
        size, _, domain, _ = HEADER.unpack_from(data)
        if not HEADER.size <= size <= len(data) or domain not in (CALL, INFO):
            raise ValueError("not packets")
        packets.append(data[:size])
        data = data[size:]
    return packets


class Session:
    """What there is for a program."""

    def __init__(self, name, snapshot):
        self.name = name
        self.outgoing = deque()
        self.kept = deque()
        self.count = 0
        self.changed = threading.Condition()
        self.is_receiving = False
        self.is_stopped = False
        if snapshot:
            # Snapshots come through the hands of strangers.
            self.count, size = SNAPSHOT.unpack_from(snapshot)
            end = SNAPSHOT.size + size
            if end > len(snapshot):
                raise ValueError("too short")
            self.outgoing.extend(split_packets(snapshot[SNAPSHOT.size : end]))
            self.kept.extend(split_packets(snapshot[end:]))

    def handle(self, packet):
        domain, content = packet[6], packet[HEADER.size :]
        with self.changed:
            if self.name == "py/counter":
                if domain == CALL:
                    self.count = (self.count + 1) % 2**64
                    self.outgoing.append(make_packet(CALL, COUNT.pack(self.count)))
            elif self.name == "py/later":
                if domain == CALL:
                    self.kept.append(packet)
                elif domain == INFO:
                    self.outgoing.extend(make_packet(CALL, call[HEADER.size :]) for call in self.kept)
                    self.kept.clear()
            elif domain in (CALL, INFO):
                self.outgoing.append(make_packet(domain, content))
            self.changed.notify_all()

    def receive(self):
        """The packets for the program, until it is time to stop. What is not sent then stays."""
        try:
            while True:
                with self.changed:
                    self.changed.wait_for(lambda: self.outgoing or self.is_stopped)
                    if self.is_stopped:
                        return
                    packet = self.outgoing.popleft()
                yield BytesValue(value=packet)
        finally:
            with self.changed:
                self.is_receiving = False
                self.changed.notify_all()

    def stop(self):
        with self.changed:
            self.is_stopped = True
            self.changed.notify_all()
            self.changed.wait_for(lambda: not self.is_receiving)

    def snapshot(self, outgoing, incoming):
        for packet in split_packets(incoming):
            self.handle(packet)
        outgoing += b"".join(self.outgoing)
        kept = b"".join(self.kept)
        if not self.count and not outgoing and not kept:
            return b""
        return SNAPSHOT.pack(self.count, len(outgoing)) + outgoing + kept


SERVICES = ("py/echo", "py/later", "py/counter")


class Root(service_pb2_grpc.RootServicer):
    def Init(self, request, context):
        services = [service_pb2.Service(name=name, revision="0") for name in SERVICES]
        return service_pb2.InitResponse(services=services)


class Instance(service_pb2_grpc.InstanceServicer):
    def __init__(self):
        self.lock = threading.Lock()
        self.sessions = {}

    def find(self, id, context):
        with self.lock:
            session = self.sessions.get(id)
        if session is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such instance")
        return session

    def remove(self, id, context):
        session = self.find(id, context)
        session.stop()
        with self.lock:
            self.sessions.pop(id, None)
        return session

    def Create(self, request, context):
        if request.service_name not in SERVICES:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        try:
            session = Session(request.service_name, request.snapshot)
        except (ValueError, struct.error) as error:
            return service_pb2.CreateResponse(restoration_error=str(error))
        id = os.urandom(16)
        with self.lock:
            self.sessions[id] = session
        return service_pb2.CreateResponse(id=id)

    def Receive(self, request, context):
        session = self.find(request.id, context)
        with session.changed:
            session.is_receiving = True
        # The program is gone when the call is over, whoever ended it.
        context.add_callback(lambda: threading.Thread(target=session.stop).start())
        yield from session.receive()

    def Handle(self, request, context):
        self.find(request.id, context).handle(request.data)
        return Empty()

    def Suspend(self, request, context):
        self.find(request.id, context).stop()
        return Empty()

    def Snapshot(self, request, context):
        session = self.remove(request.id, context)
        return BytesValue(value=session.snapshot(request.outgoing, request.incoming))

    def Shutdown(self, request, context):
        self.remove(request.id, context)
        return Empty()


def pass_on(source, destination):
    """Passes bytes on until there are no more."""
    try:
        while data := source.recv(65536):
            destination.sendall(data)
    except OSError:
        pass
    for end in (source, destination):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def main():
    address = sys.argv[1] if len(sys.argv) > 1 else None
    directory = None
    if address is None:
        directory = tempfile.mkdtemp()
        address = f"unix:{directory}/socket"

    # A Receive stream takes a thread for as long as it is open.
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=256))
    service_pb2_grpc.add_RootServicer_to_server(Root(), server)
    service_pb2_grpc.add_InstanceServicer_to_server(Instance(), server)
    port = server.add_insecure_port(address)
    server.start()

    if directory is None:
        where = address if address.startswith("unix:") else f"{address.rsplit(':', 1)[0]}:{port}"
        print(f"listening at {where}", file=sys.stderr, flush=True)
        server.wait_for_termination()
        return

    inherited = socket.socket(fileno=3)
    ours = socket.socket(socket.AF_UNIX)
    ours.connect(f"{directory}/socket")
    shutil.rmtree(directory)
    threading.Thread(target=pass_on, args=(ours, inherited), daemon=True).start()
    pass_on(inherited, ours)
    server.stop(None)


if __name__ == "__main__":
    main()
