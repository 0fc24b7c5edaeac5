# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tests of stock clients share: a daemon of their own, virsh, and TAP.

    COPPICE_DAEMON, COPPICE_VM   the programs, set by meson
    COPPICE_GUEST                echo.elf
    COPPICE_CHECK                nothing that a test needs may be missing
"""
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

GUEST = os.environ.get('COPPICE_GUEST', '')
DEADLINE = int(os.environ.get("COPPICE_DEADLINE", "60"))          # seconds; how long something may take before it is a failure


class Skip(Exception):
    pass


def need_program(name):
    if shutil.which(name) is None:
        if os.environ.get('COPPICE_CHECK'):
            raise AssertionError(f'{name} is not installed')
        raise Skip(f'{name} is not installed')


def wait_for(what, condition):
    """Waits until @condition is true; returns its value."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f'{what}: still not so after {DEADLINE} s')


class Result:
    def __init__(self, process):
        self.status = process.returncode
        self.out = process.stdout
        self.err = process.stderr

    def lines(self):
        return [line.rstrip() for line in self.out.splitlines() if line.strip()]

    def keys(self):
        """What stands before the colons: how clients find their way through a text."""
        return [line.split(':')[0].strip() for line in self.lines() if ':' in line]


class Daemon:
    """A daemon with folders and a socket of its own."""

    def __init__(self, *options, limits=None):
        self.root = tempfile.mkdtemp(prefix='cop-', dir='/tmp')
        self.socket = os.path.join(self.root, 'run', 'virtcoppiced-sock')
        self.options = options
        self.limits = limits or {}      # by RLIMIT_*
        self.process = None
        self.uri = f'coppice:///session?socket={self.socket}'
        self.start()

    def start(self):
        log = open(os.path.join(self.root, 'daemon.log'), 'ab')
        self.process = subprocess.Popen(
            [os.environ['COPPICE_DAEMON'], '--session', '--root', self.root, *self.options],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=self.set_limits)
        log.close()
        wait_for('the daemon answers', self.answers)

    def set_limits(self):
        for limit, value in self.limits.items():
            resource.setrlimit(limit, (value, value))

    def answers(self):
        assert self.process.poll() is None, 'the daemon ended:\n' + self.log()
        return os.path.exists(self.socket) and self.virsh('uri').status == 0

    def log(self):
        with open(os.path.join(self.root, 'daemon.log'), encoding='utf-8', errors='replace') as file:
            return file.read()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """Ends the daemon and the machines that it leaves behind."""
        try:
            self.remove_all()
            self.process.terminate()
        finally:
            if self.process.poll() is None and sys.exc_info()[0] is not None:
                self.kill()
        status = self.process.wait(DEADLINE)
        log = self.log()
        shutil.rmtree(self.root, ignore_errors=True)
        assert status == 0, f'the daemon ended with status {status}:\n{log[-4000:]}'

    def remove_all(self):
        for name in self.virsh('list', '--name').lines():
            self.virsh('destroy', name)
        for name in self.virsh('list', '--all', '--name').lines():
            self.virsh('undefine', name, '--managed-save')

    def virsh(self, *args, text=None, read_only=False, uri=None):
        environment = dict(os.environ, LC_ALL='C')
        command = ['virsh', '-c', uri or self.uri] + (['-r'] if read_only else []) + list(args)
        return Result(subprocess.run(command, input=text, capture_output=True, text=True,
                                     env=environment, timeout=DEADLINE))

    def ok(self, *args, **options):
        """virsh, which must succeed; returns what it prints."""
        result = self.virsh(*args, **options)
        assert result.status == 0, f'virsh {" ".join(args)}: {result.err}\n{self.log()[-2000:]}'
        return result.out

    def fails(self, message, *args, **options):
        """virsh, which must fail and say @message."""
        result = self.virsh(*args, **options)
        assert result.status != 0, f'virsh {" ".join(args)} succeeded: {result.out}'
        assert message in result.err, f'virsh {" ".join(args)}: {result.err!r} lacks {message!r}'

    def write(self, name, text):
        path = os.path.join(self.root, name)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return path

    def define(self, name='vm', **options):
        self.ok('define', self.write(f'{name}.xml', domain_xml(name, **options)))

    def state(self, name='vm'):
        return self.ok('domstate', name).strip()

    def reason(self, name='vm'):
        return self.ok('domstate', '--reason', name).strip()

    def await_state(self, state, name='vm'):
        wait_for(f'{name} is {state}', lambda: self.state(name) == state)


def domain_xml(name, devices='', memory=32, vcpus=1, extra='', uuid=None):
    uuid = f'<uuid>{uuid}</uuid>' if uuid else ''
    return f'''<domain type='coppice'>
  <name>{name}</name>{uuid}
  <memory unit='MiB'>{memory}</memory>
  <vcpu>{vcpus}</vcpu>
  <os>
    <type arch='riscv64' machine='virt'>hvm</type>
    <kernel>{GUEST}</kernel>
  </os>{extra}
  <devices>{devices}
    <console type='pty'/>
  </devices>
</domain>
'''


def run(cases, after=lambda: None):
    """Runs functions as TAP; each gets nothing and fails by an exception; @after each is called."""
    print(f'1..{len(cases)}', flush=True)
    failed = False
    for number, case in enumerate(cases, 1):
        title = case.__name__.removeprefix('test_').replace('_', '-')
        try:
            case()
            print(f'ok {number} {title}', flush=True)
        except Skip as skip:
            print(f'ok {number} {title} # SKIP {skip}', flush=True)
        except Exception:       # pylint: disable=broad-except
            failed = True
            print(f'not ok {number} {title}')
            for line in traceback.format_exc().splitlines():
                print(f'# {line}')
            sys.stdout.flush()
        try:
            after()
        except Exception as error:      # pylint: disable=broad-except
            failed = True
            print(f'# cleaning up after {title}: {error}')
    return 1 if failed else 0


def run_file(names, clean=True, daemon_class=Daemon):
    """Runs a file's functions test_* with one daemon, which its variable `daemon` gets. @clean: all
    domains are removed after each."""
    try:
        need_program('virsh')
    except Skip as skip:
        print(f'1..0 # SKIP {skip}')
        return 0
    daemon = names['daemon'] = daemon_class()
    try:
        return run([value for name, value in names.items() if name.startswith('test_')],
                   after=daemon.remove_all if clean else lambda: None)
    finally:
        daemon.stop()
