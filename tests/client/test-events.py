#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""virsh event --all, and Python's event loop when the daemon goes away: who watches misses nothing."""
import os
import re
import subprocess
import sys
import threading

from clientlib import DEADLINE, Skip, run_file, wait_for

daemon = None


class Watcher:
    """A virsh that prints events as they come."""

    def __init__(self, *options):
        self.lines = []
        self.process = subprocess.Popen(
            ['stdbuf', '-oL', 'virsh', '-c', daemon.uri, 'event', '--all', '--loop', *options],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=dict(os.environ, LC_ALL='C'))
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            if line.strip():
                self.lines.append(line.strip())

    def await_ready(self):
        """virsh does not say when it has registered: one that is told of something has."""
        daemon.define('probe')

        def told():
            daemon.ok('desc', 'probe', '--title', 'x')
            return any("metadata-change' for domain 'probe'" in line for line in self.lines)
        wait_for('virsh is told of events', told)
        daemon.ok('undefine', 'probe')

    def of(self, domain):
        """Events of this domain: "kind: what"."""
        found = []
        for line in self.lines:
            match = re.match(r"event '([^']*)' for domain '([^']*)':? ?(.*)", line)
            if match and match[2] == domain:
                found.append(f'{match[1]}: {match[3]}'.rstrip(': '))
        return found

    def expect(self, domain, *events):
        """These came, in this order, and no others."""
        wait_for(f'{len(events)} events', lambda: len(self.of(domain)) >= len(events))
        assert self.of(domain) == list(events), self.of(domain)

    def stop(self):
        self.process.terminate()
        self.process.wait(DEADLINE)
        self.thread.join()


def watching(function):
    def case():
        watcher = Watcher()
        try:
            watcher.await_ready()
            function(watcher)
        finally:
            watcher.stop()
    case.__name__ = function.__name__.removeprefix('check_')
    return case


def check_life(watcher):
    daemon.define()
    for command in ('start', 'suspend', 'resume', 'reset', 'destroy', 'undefine'):
        daemon.ok(command, 'vm')
    watcher.expect('vm', 'lifecycle: Defined Added', 'lifecycle: Started Booted',
                   'lifecycle: Suspended Paused', 'lifecycle: Resumed Unpaused', 'reboot',
                   'lifecycle: Stopped Destroyed', 'lifecycle: Undefined Removed')


def check_settings(watcher):
    daemon.define()
    daemon.ok('desc', 'vm', 'text')
    daemon.ok('metadata', 'vm', 'urn:x', '--key', 'x', '--set', '<a/>')
    daemon.define(memory=64, uuid=daemon.ok('domuuid', 'vm').strip())
    daemon.ok('domrename', 'vm', 'other')
    watcher.expect('vm', 'lifecycle: Defined Added', 'metadata-change: type description, uri <null>',
                   'metadata-change: type element, uri urn:x', 'lifecycle: Defined Updated',
                   'lifecycle: Undefined Renamed')
    watcher.expect('other', 'lifecycle: Defined Renamed')


def check_saving(watcher):
    daemon.define()
    daemon.ok('start', 'vm')
    daemon.ok('managedsave', 'vm')
    daemon.ok('start', 'vm')
    wait_for('it is restored', lambda: any('Restored' in line for line in watcher.of('vm')))
    lines = watcher.of('vm')
    assert 'lifecycle: Stopped Saved' in lines and 'lifecycle: Started Restored' in lines, lines
    assert any(line.startswith('job-completed') for line in lines), lines


def check_death(watcher):
    """A machine that dies, and one that the guest ends."""
    daemon.define()
    daemon.ok('start', 'vm')
    for entry in os.listdir('/proc'):
        try:
            with open(f'/proc/{entry}/stat', encoding='utf-8', errors='replace') as file:
                words = file.read().rpartition(')')
        except OSError:
            continue
        if 'coppice-vm' in words[0] and int(words[2].split()[1]) == daemon.process.pid:
            os.kill(int(entry), 9)
    wait_for('its end is told', lambda: 'lifecycle: Stopped Crashed' in watcher.of('vm'))


test_life, test_settings, test_saving, test_death = (
    watching(check) for check in (check_life, check_settings, check_saving, check_death))

PYTHON = '''
import libvirt, sys, threading
libvirt.registerErrorHandler(lambda *args: None, None)
libvirt.virEventRegisterDefaultImpl()
connection = libvirt.open(sys.argv[1])
connection.setKeepAlive(1, 3)
over = []
connection.registerCloseCallback(lambda conn, reason, opaque: over.append(reason), None)
connection.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                  lambda conn, domain, *what: print(domain.name(), *what[:2],
                                                                    flush=True), None)
print('ready', flush=True)
while not over:
    libvirt.virEventRunDefaultImpl()
print('closed', over[0], flush=True)
assert not connection.isAlive()
'''


def test_python_loop_and_a_lost_daemon():
    """Events in an event loop of one thread; when the daemon is killed the client is told so, and
    another connection goes on where it was."""
    if subprocess.run(['/usr/bin/python3', '-c', 'import libvirt'], capture_output=True,
                      check=False).returncode:
        if os.environ.get('COPPICE_CHECK'):
            raise AssertionError('python3-libvirt is not installed')
        raise Skip('python3-libvirt is not installed')
    daemon.define()
    with subprocess.Popen(['/usr/bin/python3', '-c', PYTHON, daemon.uri], text=True,
                          stdout=subprocess.PIPE) as client:
        lines = iter(client.stdout.readline, '')
        assert next(lines) == 'ready\n'
        daemon.ok('start', 'vm')
        assert next(lines) == 'vm 2 0\n'            # started, booted
        daemon.kill()
        assert next(lines) == 'closed 1\n'          # VIR_CONNECT_CLOSE_REASON_EOF
        assert client.wait(DEADLINE) == 0
    daemon.start()
    assert daemon.state() == 'running'
    daemon.ok('destroy', 'vm')


if __name__ == '__main__':
    sys.exit(run_file(globals()))
