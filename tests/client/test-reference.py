#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian's virsh says the same to our daemon and to libvirt's own test driver, in the same
situation, and gets answers of the same kind: done or failed, the class of the error, the form of
the output. Where ours is another, the table in reference_table.py says what it is and why."""
import os
import re
import subprocess
import sys

from clientlib import domain_xml, run_file
from reference_table import (CLEAN, COMMANDS, DIFFERENCES, ELSEWHERE, LACKING, NEVER, QUERIES,
                             SITUATIONS, TIER_1, WATCHED)

REFERENCE = 'test:///default'
MAC = '52:54:00:00:00:01'
DEVICES = '''
    <disk type='file' device='disk'>
      <driver type='raw'/><source file='{disk}'/><target dev='vda' bus='virtio'/>
    </disk>
    <interface type='user'><mac address='{mac}'/></interface>'''
# virsh waits for a job in a loop that it may be told to leave before it is in it: then it waits for
# ever, whatever it talks to. So those commands have a virsh of their own and several attempts.
PATIENCE = 30           # seconds
WATCH_PATIENCE = 4
ATTEMPTS = 12

daemon = None
files = {}


def prepare():
    disk = os.path.join(daemon.root, 'disk.img')
    with open(disk, 'wb') as file:
        file.truncate(1 << 20)
    devices = DEVICES.format(disk=disk, mac=MAC)
    ours = domain_xml('vm', devices=devices, vcpus=2)
    theirs = (f"<domain type='test'><name>vm</name><memory unit='MiB'>32</memory><vcpu>2</vcpu>"
              f"<os><type>hvm</type></os><devices>{devices}<console type='pty'/></devices></domain>")
    files.update(file=os.path.join(daemon.root, 'saved'), mac=MAC,
                 image=daemon.write('extra.img', ''),
                 snapshot=daemon.write('snapshot.xml', '<domainsnapshot/>'))
    return [(daemon.uri, daemon.write('ours.xml', ours)),
            (REFERENCE, daemon.write('theirs.xml', theirs))]


def is_watched(line):
    return any(command.split()[:1] == [word] for command in line.split('; ') for word in WATCHED)


def virsh(uri, line, patience=PATIENCE):
    return subprocess.run(['virsh', '-c', uri, line], capture_output=True, text=True, check=False,
                          timeout=patience, env=dict(os.environ, LC_ALL='C', EDITOR='true'))


def sections(text):
    """What stands between the marks that echo has put there."""
    found, current = {}, None
    for line in text.splitlines():
        mark = re.match(r'(?:error: )?===(\d*)$', line)
        if mark:
            current = found.setdefault(int(mark[1]), []) if mark[1] else None
        elif current is not None:
            current.append(line)
    return {number: '\n'.join(lines).strip() for number, lines in found.items()}


def answers(uri, xml, rows):
    """Runs (commands before, command) one after the other on one connection; for the reference is
    another one on each. Returns (output, error) of each command."""
    line = []
    for number, (before, command) in enumerate(rows):
        line += before + [f'echo --err ==={number}', f'echo ==={number}', command,
                          'echo --err ===', 'echo ===']
    line = '; '.join(line).format(xml=xml, **files)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            # Longer each time: the host may only be slow.
            result = virsh(uri, line, WATCH_PATIENCE * attempt if is_watched(line) else PATIENCE)
            break
        except subprocess.TimeoutExpired:
            assert is_watched(line), f'virsh {line} does not end'
    else:
        raise AssertionError(f'virsh {line} does not end')
    out, err = sections(result.stdout), sections(result.stderr)
    assert len(out) == len(rows), f'virsh took a part of the commands only: {result.stderr}'
    return [(out[number], err[number]) for number in range(len(rows))]


def error_class(err):
    """libvirt's phrase for the error's code, or virsh's own words, without names."""
    errors = [line[7:] for line in err.splitlines() if line.startswith('error:')]
    return re.sub(r"'[^']*'", "''", errors[-1]).split(':')[0].strip() if errors else None


def form(out):
    lines = [line for line in out.splitlines() if line.strip()]
    if not lines:
        return 'nothing'
    if len(lines) > 1 and set(lines[1].strip()) == {'-'}:
        return 'table ' + ' '.join(lines[0].split())
    if lines[0].startswith('<'):
        return 'document ' + re.match(r'<[?]?(\w+)', lines[0])[1]
    if all(':' in line for line in lines):
        return 'keys ' + ' '.join(sorted({re.sub(r'\d+', 'N', line.split(':')[0]).strip()
                                          for line in lines}))
    text = re.sub('[y-]{2,}', 'CPUS', ' | '.join(' '.join(line.split()) for line in lines))
    for pattern, name in ((r'[0-9a-f]{8}-[0-9a-f-]{27}', 'UUID'), (r'/\S+', 'PATH'),
                          (r'[0-9]+(\.[0-9]+)?', 'N')):
        text = re.sub(pattern, name, text)
    return text


def kind(answer):
    out, err = answer
    failed = error_class(err)
    return f'fails: {failed}' if failed else f'does: {form(out)}'


used = set()


def compare(situation, rows):
    """Returns what is wrong, a line each."""
    wrong = []
    pairs = [answers(uri, xml, rows) for uri, xml in prepare()]
    for (_, command), ours, theirs in zip(rows, *pairs):
        kinds = kind(ours), kind(theirs)
        known = [row for row in DIFFERENCES
                 if situation in row.situations and re.fullmatch(row.command, command)]
        if kinds[0] == kinds[1]:
            continue
        if kinds[1].startswith(LACKING) and not kinds[0].startswith(NEVER):
            continue
        fitting = [row for row in known if kinds[0].startswith(row.ours)]
        used.update(fitting)
        if not fitting:
            wrong.append(f'{situation}: {command}: {kinds[0]}; the reference {kinds[1]}' +
                         ''.join(f'; the table says {row.ours}' for row in known))
    return wrong


def compare_situation(situation):
    setup = CLEAN + SITUATIONS[situation]
    rows = [(setup if number == 0 else [], command) for number, command in enumerate(QUERIES)]
    rows += [(setup, command) for command in COMMANDS if command.split()[0] not in WATCHED]
    wrong = compare(situation, rows)
    for command in COMMANDS:
        if command.split()[0] in WATCHED:
            wrong += compare(situation, [(setup, command)])
    assert not wrong, '\n' + '\n'.join(wrong)


def test_situations():
    """One case of TAP for all: which situation and which command, the message says."""
    for situation in SITUATIONS:
        compare_situation(situation)


def test_exit_statuses():
    """Where there is no such domain, each command fails on both with the same status."""
    for command in COMMANDS + QUERIES:
        if is_watched(command):
            continue
        line = command.format(xml='/nowhere', **files)
        ours, theirs = (virsh(uri, line) for uri in (daemon.uri, REFERENCE))
        if error_class(theirs.stderr) == error_class(ours.stderr):
            assert ours.returncode == theirs.returncode, command


def test_table_is_complete():
    """Every command of the first tier is compared here or tested elsewhere; every row of the table
    of differences is still needed."""
    compared = {command.split()[0] for command in QUERIES + COMMANDS}
    missing = set(TIER_1) - compared - set(ELSEWHERE)
    assert not missing, f'not compared: {missing}'
    idle = [row for row in DIFFERENCES if row not in used]
    assert not idle, 'rows that nothing needs any more:\n' + '\n'.join(map(str, idle))


if __name__ == '__main__':
    sys.exit(run_file(globals(), clean=False))
