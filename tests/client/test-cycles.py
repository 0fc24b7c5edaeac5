#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A thousand starts and ends leave no process, descriptor, thread, file or memory behind."""
import os
import re
import subprocess
import sys

from clientlib import DEADLINE, domain_xml, run_file, wait_for

CYCLES = int(os.environ.get('COPPICE_CYCLES', '1000'))
# Before anything is counted: what is made once is there by then.
WARM_UP = 100
# KiB; an allocator keeps some of what it was given back. A thousandth part of it for each cycle is
# less than the smallest thing that a start makes.
SLACK = 1024

daemon = None


def cycle(count, commands):
    """One virsh that does the same again and again."""
    text = ''.join(f'{command}\n' for command in commands) * count
    result = subprocess.run(['virsh', '-c', daemon.uri], input=text, capture_output=True, text=True,
                            env=dict(os.environ, LC_ALL='C'), timeout=10 * DEADLINE, check=False)
    assert 'error' not in result.stderr, result.stderr[:1000]


def children():
    """Processes that the daemon has started, also those that nobody has waited for."""
    found = []
    for entry in os.listdir('/proc'):
        try:
            with open(f'/proc/{entry}/stat', encoding='utf-8', errors='replace') as file:
                words = file.read().rpartition(')')[2].split()
        except (OSError, ValueError):
            continue
        if int(words[1]) == daemon.process.pid:
            found.append(entry)
    return found


def status(name):
    with open(f'/proc/{daemon.process.pid}/status', encoding='utf-8') as file:
        return int(re.search(rf'^{name}:\s*(\d+)', file.read(), re.M)[1])


def descriptors():
    links = []
    for entry in os.listdir(f'/proc/{daemon.process.pid}/fd'):
        try:
            links.append(re.sub(r'\d+', 'N', os.readlink(f'/proc/{daemon.process.pid}/fd/{entry}')))
        except OSError:
            pass
    return sorted(links)


def files():
    return sorted(os.path.join(folder, name) for folder, _, names in os.walk(daemon.root)
                  for name in names if not name.endswith('.log'))


def check_nothing_is_left(commands, cycles=CYCLES):
    cycle(WARM_UP, commands)
    wait_for('machines are gone', lambda: not children())
    before = {'descriptors': descriptors(), 'files': files()}
    memory = status('RssAnon')
    cycle(cycles, commands)
    wait_for('machines are gone', lambda: not children())
    wait_for('nothing is left open', lambda: len(descriptors()) <= len(before['descriptors']))
    assert files() == before['files'], set(files()) ^ set(before['files'])
    # Workers come and go; as many as there may be at most for one client.
    wait_for('threads are gone', lambda: status('Threads') <= 24)
    grown = status('RssAnon') - memory
    assert grown <= SLACK, f'the daemon has grown by {grown} KiB'


def test_start_and_destroy():
    daemon.define()
    check_nothing_is_left(['start vm', 'destroy vm'])


def test_transient():
    path = daemon.write('transient.xml', domain_xml('passing', devices='<interface type="user"/>'))
    check_nothing_is_left([f'create {path}', 'destroy passing'], CYCLES // 4)


def test_define_and_undefine():
    path = daemon.write('brief.xml', domain_xml('brief'))
    check_nothing_is_left([f'define {path}', 'undefine brief'], CYCLES // 4)


if __name__ == '__main__':
    sys.exit(run_file(globals()))
