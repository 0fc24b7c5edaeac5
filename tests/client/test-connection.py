#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Connections of Debian's own libvirt clients: what the daemon says of itself and the host, who may
do what, and how the daemon comes and goes."""
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

from clientlib import DEADLINE, Skip, run_file, wait_for

daemon = None


def test_says_what_it_is():
    out = daemon.ok('version')
    assert 'Using API: Coppice' in out and 'Running hypervisor: Coppice' in out, out
    assert daemon.ok('uri').strip() == daemon.uri
    assert daemon.ok('hostname').strip() == socket.gethostname()


def test_tells_of_the_host():
    info = dict(re.split(r':\s+', line, maxsplit=1)
                for line in daemon.virsh('nodeinfo').lines())
    assert info['CPU model'] == os.uname().machine, info
    assert int(info['CPU(s)']) == os.cpu_count(), info
    assert f'CPUs online:    {os.cpu_count()}' in daemon.ok('nodecpumap')
    for command, key in (('nodecpustats', 'user'), ('nodememstats', 'total'), ('freecell', 'Total')):
        assert key in daemon.virsh(command).keys(), command
    daemon.ok('nodememstats', '--cell', '0')
    daemon.fails('', 'nodecpustats', '--cpu', '99999')
    assert daemon.ok('sysinfo').startswith('<sysinfo')
    assert 'riscv64' in daemon.ok('capabilities')
    assert '<domainCapabilities>' in daemon.ok('domcapabilities')
    assert int(daemon.ok('maxvcpus')) >= 1
    assert daemon.ok('cpu-models', 'riscv64').strip()


def test_forms_are_those_of_libvirt():
    for command in ('nodeinfo', 'version', 'nodecpumap'):
        theirs = daemon.virsh(command, uri='test:///default')
        ours = daemon.virsh(command)
        assert ours.keys() == theirs.keys(), (command, ours.out, theirs.out)


def test_what_there_is_none_of():
    for command in ('net-list', 'nodedev-list', 'iface-list', 'secret-list', 'nwfilter-list',
                    'pool-create-as p dir --target /tmp', 'pool-define-as p dir --target /tmp'):
        daemon.fails('not supported by the connection driver', *command.split())
    # There are no pools; to say that they are not supported makes virt-install lose a disk's path.
    assert daemon.ok('pool-list', '--all', '--name').strip() == ''


def test_registers_for_all_events():
    out = daemon.virsh('event', '--all', '--timeout', '1')
    assert 'events received: 0' in out.out, out.out + out.err


def test_read_only_changes_nothing():
    daemon.define('ro')
    daemon.ok('dominfo', 'ro', read_only=True)
    daemon.fails('read only access', 'start', 'ro', read_only=True)
    daemon.fails('read only access', 'undefine', 'ro', read_only=True)
    daemon.fails('', 'dumpxml', 'ro', '--security-info', read_only=True)
    daemon.ok('undefine', 'ro')


def test_python_bindings():
    script = '''
import libvirt, sys, threading
libvirt.virEventRegisterDefaultImpl()
def loop():
    while True:
        libvirt.virEventRunDefaultImpl()
threading.Thread(target=loop, daemon=True).start()
conn = libvirt.open(sys.argv[1])
conn.setKeepAlive(1, 3)
assert conn.isAlive() and conn.isSecure() and conn.getType() == 'Coppice'
assert conn.getInfo()[2] >= 1 and conn.getCPUMap()[0] >= 1
assert conn.getMemoryStats(-1)['total'] > 0 and conn.getCPUStats(-1)['user'] > 0
try:
    conn.lookupByName('nobody')
except libvirt.libvirtError as error:
    assert error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN, error
try:
    conn.listAllNetworks()
except libvirt.libvirtError as error:
    assert error.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT, error
ids = [conn.domainEventRegisterAny(None, event, lambda *args: None, None)
       for event in (0, 1, 4, 8, 16, 20, 21)]
assert len(set(ids)) == len(ids)
for number in ids:
    conn.domainEventDeregisterAny(number)
conn.registerCloseCallback(lambda *args: None, None)
conn.unregisterCloseCallback()
assert conn.close() == 0
'''
    if subprocess.run(['/usr/bin/python3', '-c', 'import libvirt'], capture_output=True,
                      check=False).returncode:
        if os.environ.get('COPPICE_CHECK'):
            raise AssertionError('python3-libvirt is not installed')
        raise Skip('python3-libvirt is not installed')
    result = subprocess.run(['/usr/bin/python3', '-c', script, daemon.uri], capture_output=True,
                            text=True, timeout=DEADLINE, check=False)
    assert result.returncode == 0, result.stderr


def test_second_daemon_is_refused():
    before = daemon.ok('uri')
    with tempfile.TemporaryDirectory() as root:
        second = subprocess.run([os.environ['COPPICE_DAEMON'], '--session', '--root', root,
                                 '--socket', daemon.socket], capture_output=True, text=True,
                                timeout=DEADLINE, check=False)
    assert second.returncode == 1 and 'listens on' in second.stderr, second.stderr
    assert daemon.ok('uri') == before


def test_stale_socket_is_replaced():
    daemon.kill()
    assert os.path.exists(daemon.socket)
    daemon.fails('', 'uri', uri=daemon.uri + '&mode=direct')
    daemon.start()
    daemon.ok('list', '--all')


def test_leaves_when_idle():
    """--timeout: not while there is a client, then soon; the socket file stays for the next."""
    with tempfile.TemporaryDirectory(dir='/tmp') as root:
        path = os.path.join(root, 'sock')
        with subprocess.Popen([os.environ['COPPICE_DAEMON'], '--session', '--root', root, '--socket',
                               path, '--timeout', '1'], stderr=subprocess.DEVNULL) as process:
            wait_for('it listens', lambda: os.path.exists(path))
            client = socket.socket(socket.AF_UNIX)
            client.connect(path)
            # Longer than the timeout: the client must keep it there.
            time.sleep(2)
            assert process.poll() is None
            client.close()
            assert process.wait(DEADLINE) == 0
        assert os.path.exists(path)


def test_socket_activation():
    with tempfile.TemporaryDirectory(dir='/tmp') as root:
        path = os.path.join(root, 'handed')
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()

        def hand_over():
            os.dup2(listener.fileno(), 3)
            os.set_inheritable(3, True)
            os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1')
            os.execv(os.environ['COPPICE_DAEMON'], ['virtcoppiced', '--session', '--root', root])

        child = os.fork()
        if child == 0:
            hand_over()
        try:
            # It need not run yet: the service manager made the socket.
            assert 'Coppice' in daemon.ok('version', uri=f'coppice:///session?socket={path}')
        finally:
            os.kill(child, signal.SIGTERM)
            _, status = os.waitpid(child, 0)
        assert status == 0, status
        listener.close()


def test_options():
    def call(*words):
        return subprocess.run([os.environ['COPPICE_DAEMON'], *words], capture_output=True, text=True,
                              timeout=DEADLINE, check=False)
    assert call('--version').stdout.startswith('virtcoppiced ')
    assert call('--nonsense').returncode == 2
    assert call('--timeout', '-1').returncode == 2
    assert call('word').returncode == 2
    assert call('--system', '--session').returncode == 2


if __name__ == '__main__':
    sys.exit(run_file(globals(), clean=False))
