#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients that stall, lie, flood or vanish harm nobody else: virsh works on, and when they are gone
the daemon holds what it held before."""
import os
import random
import resource
import socket
import struct
import sys
import threading

from clientlib import Daemon, domain_xml, run_file, wait_for

PROGRAM, VERSION = 0x20008086, 1
CALL, STREAM = 0, 3
CONNECT_OPEN, DOMAIN_CREATE, LOOKUP_BY_NAME, OPEN_CONSOLE, GET_HOSTNAME = 1, 9, 23, 201, 59
LONGEST = 4 + (32 << 20)
LIMIT = 64      # descriptors of the daemon that has few

daemon = None


def packet(procedure, payload=b'', kind=CALL, serial=1, length=None):
    size = 28 + len(payload) if length is None else length
    return struct.pack('>IIIiIII', size, PROGRAM, VERSION, procedure, kind, serial, 0) + payload


def string(text):
    data = text.encode()
    return struct.pack('>I', len(data)) + data + b'\0' * (-len(data) % 4)


def receive(client, length):
    data = b''
    while len(data) < length:
        more = client.recv(length - len(data))
        if not more:
            raise EOFError('the daemon hung up')
        data += more
    return data


def reply(client):
    """The next packet's status and payload."""
    length, *_, status = struct.unpack('>IIIiIII', receive(client, 28))
    return status, receive(client, length - 28)


def hung_up(client):
    try:
        return client.recv(1) == b''
    except ConnectionResetError:
        return True


def connect():
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(60)
    client.connect(daemon.socket)
    return client


def opened():
    client = connect()
    client.sendall(packet(CONNECT_OPEN, struct.pack('>I', 1) + string('coppice:///session') +
                          struct.pack('>I', 0)))
    status, _ = reply(client)
    assert status == 0
    return client


def look_up(client, name):
    """The domain as it is encoded in calls."""
    client.sendall(packet(LOOKUP_BY_NAME, string(name)))
    status, payload = reply(client)
    assert status == 0
    return payload


def descriptors():
    return len(os.listdir(f'/proc/{daemon.process.pid}/fd'))


def resident():
    """KiB"""
    with open(f'/proc/{daemon.process.pid}/status', encoding='utf-8') as file:
        return int(next(line.split()[1] for line in file if line.startswith('VmRSS')))


def check_others():
    """What an honest client wants is done."""
    name = f'honest{random.randrange(1 << 30)}'
    daemon.ok('define', daemon.write(f'{name}.xml', domain_xml(name)))
    daemon.ok('start', name)
    daemon.ok('destroy', name)
    daemon.ok('undefine', name)


def check_forgotten(before):
    wait_for('all descriptors are closed', lambda: descriptors() <= before)


def warm_up():
    """Descriptors that the daemon holds when it has worked and nobody is connected."""
    check_others()
    counts = []

    def steady():
        counts.append(descriptors())
        return len(counts) > 5 and len(set(counts[-5:])) == 1
    wait_for('nobody is connected', steady)
    return counts[-1]


def test_a_thousand_connections():
    before = warm_up()
    clients = [opened() for _ in range(1000)]
    check_others()
    for number, client in enumerate(clients):
        client.sendall(packet(GET_HOSTNAME, serial=number))
    for client in clients:
        assert reply(client)[0] == 0
    for client in clients:
        client.close()
    check_forgotten(before)


def test_out_of_descriptors():
    """Clients that come too many wait until others go; the log says what to do."""
    few = Daemon(limits={resource.RLIMIT_NOFILE: LIMIT})
    try:
        clients = []
        for _ in range(2 * LIMIT):
            client = socket.socket(socket.AF_UNIX)
            client.setblocking(False)
            client.connect_ex(few.socket)
            clients.append(client)
        wait_for('it is said', lambda: 'no more clients' in few.log())
        for client in clients:
            client.close()
        assert few.ok('uri').strip() == few.uri
        few.ok('list', '--all')
    finally:
        few.stop()


def test_stalled_packets():
    before = warm_up()
    clients = [opened() for _ in range(100)]
    for number, client in enumerate(clients):
        client.sendall(packet(GET_HOSTNAME, b'x' * 100)[:1 + number % 60])
    check_others()
    for client in clients:
        client.close()
    check_forgotten(before)


def test_claimed_lengths():
    before, memory = warm_up(), resident()
    for length in (0, 1, 27, LONGEST + 1, 0x7fffffff, 0xffffffff):
        client = opened()
        client.sendall(packet(GET_HOSTNAME, length=length))
        assert hung_up(client), f'a packet of {length} bytes is waited for'
        client.close()
    # As long as may be, and never sent.
    clients = [opened() for _ in range(64)]
    for client in clients:
        client.sendall(packet(GET_HOSTNAME, length=LONGEST) + b'x' * 1000)
    check_others()
    assert resident() < memory + 32 * 1024, 'memory is taken for what was only claimed'
    for client in clients:
        client.close()
    check_forgotten(before)


def test_noise():
    before = warm_up()
    random.seed(4)
    for number in range(200):
        client = opened() if number % 2 else connect()
        noise = random.randbytes(random.randrange(1, 4000))
        if number % 3 == 0:
            noise = packet(random.randrange(450), noise, kind=random.randrange(8))
        client.sendall(noise)
        client.close()
    check_others()
    check_forgotten(before)


def test_vanish_in_a_stream():
    daemon.define('talker')
    daemon.ok('start', 'talker')
    before = warm_up()
    for _ in range(50):
        client = opened()
        client.sendall(packet(OPEN_CONSOLE, look_up(client, 'talker') + struct.pack('>I', 0) +
                              struct.pack('>I', 1), serial=7))       # alias: none; force
        status, payload = reply(client)
        assert status == 0, payload
        client.sendall(packet(OPEN_CONSOLE, b'abc', kind=STREAM, serial=7))
        client.close()
    check_others()
    check_forgotten(before)
    assert daemon.state('talker') == 'running'


def test_vanish_in_a_call():
    """Who goes while it starts a domain: the domain is started, or not, and none is stuck."""
    daemon.define('left')
    before = warm_up()
    for _ in range(20):
        client = opened()
        client.sendall(packet(DOMAIN_CREATE, look_up(client, 'left')))
        client.close()
        wait_for('it is over', lambda: daemon.state('left') in ('running', 'shut off'))
        daemon.virsh('destroy', 'left')
        daemon.await_state('shut off', 'left')
    check_others()
    check_forgotten(before)


def test_deaf():
    """Who asks and never reads is not read any more; meanwhile others are."""
    before = warm_up()
    clients = [opened() for _ in range(4)]
    call = packet(7) * 64       # CONNECT_GET_CAPABILITIES: a long answer

    def flood(client):
        client.settimeout(1)
        try:
            while True:
                client.sendall(call)
        except OSError:
            pass
    memory = resident()
    threads = [threading.Thread(target=flood, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    check_others()
    for thread in threads:
        thread.join()
    assert resident() < memory + len(clients) * 24 * 1024, 'answers that nobody reads pile up'
    for client in clients:
        client.close()
    check_forgotten(before)


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 2500:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(2500, hard), hard))
    return run_file(globals())


if __name__ == '__main__':
    sys.exit(main())
