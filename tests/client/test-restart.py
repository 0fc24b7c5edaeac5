#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon is killed at any moment and started again; machines run on, nothing is lost or stuck,
and what the next daemon says is true."""
import os
import random
import signal
import subprocess
import sys
import threading
import time

from clientlib import domain_xml, run_file, wait_for

OPERATIONS = int(os.environ.get('COPPICE_OPERATIONS', '60'))
daemon = None


def machine_pids():
    """Processes of this test's machines, whichever daemon has started them: their messages go to its
    folder."""
    found = []
    for entry in os.listdir('/proc'):
        try:
            with open(f'/proc/{entry}/stat', encoding='utf-8', errors='replace') as file:
                if 'coppice-vm' not in file.read():
                    continue
            links = [os.readlink(f'/proc/{entry}/fd/{fd}') for fd in os.listdir(f'/proc/{entry}/fd')]
        except OSError:
            continue
        if any(link.startswith(daemon.root + '/') for link in links):
            found.append(int(entry))
    return found


def machine_pid():
    """The one machine that there is, once those before it have ended."""
    wait_for('one machine is left', lambda: len(machine_pids()) == 1)
    return machine_pids()[0]


def restart():
    daemon.kill()
    daemon.start()


def test_machines_run_on():
    daemon.define('one')
    daemon.define('two')
    daemon.ok('start', 'one')
    daemon.ok('start', 'two', '--paused')
    number, xml = daemon.ok('domid', 'one'), daemon.ok('dumpxml', 'one')
    restart()
    assert daemon.reason('one') == 'running (booted)'
    assert daemon.reason('two') == 'paused (user)'
    assert daemon.ok('domid', 'one') == number
    assert daemon.ok('dumpxml', 'one') == xml
    daemon.ok('suspend', 'one')
    daemon.ok('resume', 'two')
    restart()
    assert daemon.state('one') == 'paused' and daemon.state('two') == 'running'
    for name in ('one', 'two'):
        daemon.ok('destroy', name)
        daemon.ok('undefine', name)


def test_transient_machines_are_found():
    daemon.ok('create', daemon.write('t.xml', domain_xml('transient')))
    restart()
    assert daemon.state('transient') == 'running'
    daemon.ok('destroy', 'transient')
    daemon.fails('failed to get domain', 'dominfo', 'transient')


def test_settings_are_kept():
    daemon.define()
    daemon.ok('autostart', 'vm')
    daemon.ok('desc', 'vm', 'kept')
    daemon.ok('start', 'vm')
    daemon.ok('managedsave', 'vm')
    daemon.ok('autostart', 'vm', '--disable')
    restart()
    assert daemon.ok('desc', 'vm').strip() == 'kept'
    assert daemon.state() == 'shut off'
    daemon.ok('start', 'vm')
    assert daemon.reason() == 'running (restored)'
    daemon.ok('destroy', 'vm')
    daemon.ok('autostart', 'vm')
    restart()
    daemon.await_state('running')
    daemon.ok('destroy', 'vm')
    daemon.ok('undefine', 'vm')


def machines():
    """Processes of this daemon's machines: sockets that are left."""
    folder = os.path.join(daemon.root, 'run', 'vm')
    return [name for name in os.listdir(folder) if name.endswith('.sock')] \
        if os.path.isdir(folder) else []


def operate(stop, done):
    """A client that does one thing after the other, whether the daemon is there or not."""
    path = os.path.join(daemon.root, 'random.save')
    choices = [['start', 'r'], ['destroy', 'r'], ['suspend', 'r'], ['resume', 'r'],
               ['managedsave', 'r'], ['save', 'r', path], ['restore', path], ['autostart', 'r'],
               ['autostart', 'r', '--disable'], ['desc', 'r', 'text'], ['reset', 'r'],
               ['define', os.path.join(daemon.root, 'r.xml')]]
    while not stop.is_set():
        try:
            daemon.virsh(*random.choice(choices))
        except subprocess.TimeoutExpired:
            pass
        done.append(1)


def check_truth():
    """What the daemon says of domain r is so."""
    uuid = daemon.ok('domuuid', 'r').strip()

    def agrees():
        """State and machine; not at once, as the domain may be about to start by itself."""
        state = daemon.state('r')
        there = f'{uuid}.sock' in machines()
        return state in ('running', 'paused', 'shut off') and there == (state != 'shut off')
    wait_for('a machine is there if and only if the state says so', agrees)
    text = daemon.ok('dumpxml', 'r', '--inactive')
    assert '<name>r</name>' in text
    for folder in ('config/domains', 'state/save'):
        path = os.path.join(daemon.root, folder)
        for name in os.listdir(path) if os.path.isdir(path) else []:
            assert not name.startswith('.'), f'leftover {folder}/{name}'


def kill_machines():
    for pid in machine_pids():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def test_killed_at_random():
    """Daemon, machine, or both, the one before the other or the other before the one."""
    random.seed(int(os.environ.get('COPPICE_SEED', '1')))
    uuid = '11111111-2222-3333-4444-555555555555'
    daemon.define('r', uuid=uuid)
    done = []
    while len(done) < OPERATIONS:
        stop = threading.Event()
        client = threading.Thread(target=operate, args=[stop, done])
        client.start()
        time.sleep(random.uniform(0.01, 0.6))
        if random.random() < 0.3:
            kill_machines()
            time.sleep(random.choice([0, 0.001, 0.02]))
        daemon.kill()
        if random.random() < 0.3:
            kill_machines()
        stop.set()
        client.join()
        daemon.start()
        check_truth()
    state = daemon.state('r')
    if state != 'shut off':
        daemon.ok('destroy', 'r')
    daemon.ok('undefine', 'r', '--managed-save')
    assert not machines(), 'machines are left'


def test_a_machine_that_dies_is_noticed():
    daemon.define()
    daemon.ok('start', 'vm')
    pid = machine_pid()
    os.kill(pid, signal.SIGKILL)
    daemon.await_state('shut off')
    assert daemon.reason() == 'shut off (crashed)'
    daemon.ok('start', 'vm')
    pid = machine_pid()
    daemon.kill()
    os.kill(pid, signal.SIGKILL)
    daemon.start()
    assert daemon.reason() == 'shut off (crashed)'
    daemon.ok('undefine', 'vm')


if __name__ == '__main__':
    sys.exit(run_file(globals()))
