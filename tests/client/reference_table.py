# SPDX-License-Identifier: LGPL-2.1-or-later
"""What test-reference.py compares: situations of a domain 'vm', commands, and where our answer
rightly is of another kind than that of libvirt's test driver, which only pretends."""
from collections import namedtuple

# What brings about each; the domain is not there before.
SITUATIONS = {
    'absent': [],
    'shut off': ['define {xml}'],
    'running': ['define {xml}', 'start vm'],
    'paused': ['define {xml}', 'start vm', 'suspend vm'],
    'transient': ['create {xml}'],
}
CLEAN = ['destroy vm', 'destroy other', 'managedsave-remove vm', 'snapshot-delete vm s',
         'undefine vm', 'undefine other']

# Commands with which virsh watches a job.
WATCHED = ('save', 'managedsave', 'dump', 'migrate')

# Those that only ask, of libvirt's procedures in docs/wire.md's first tier and many others.
QUERIES = [
    'list', 'list --all', 'list --inactive --uuid', 'list --persistent', 'list --transient',
    'list --with-managed-save --all', 'list --autostart --all',
    'dominfo vm', 'domid vm', 'domname vm', 'domuuid vm', 'domstate vm', 'domstate vm --reason',
    'dumpxml vm', 'dumpxml vm --inactive', 'dumpxml vm --xpath //memory', 'domcontrol vm',
    'domjobinfo vm', 'domjobinfo vm --completed', 'vcpucount vm', 'vcpucount vm --maximum --config',
    'vcpuinfo vm', 'vcpupin vm', 'emulatorpin vm', 'cpu-stats vm --total',
    'domblklist vm', 'domblklist vm --details', 'domblkinfo vm vda', 'domblkinfo vm vdz',
    'domblkstat vm vda', 'domblkstat vm vdz', 'domblkerror vm', 'domiflist vm',
    'domifstat vm {mac}', 'domif-getlink vm {mac}', 'domifaddr vm', 'dommemstat vm', 'domstats vm',
    'domdisplay vm', 'vncdisplay vm', 'ttyconsole vm', 'desc vm', 'desc vm --title',
    'metadata vm urn:x', 'managedsave-dumpxml vm', 'schedinfo vm', 'memtune vm', 'blkiotune vm',
    'blkdeviotune vm vda', 'numatune vm', 'iothreadinfo vm', 'domiftune vm {mac}', 'domtime vm',
    'domhostname vm', 'domfsinfo vm', 'guestinfo vm', 'guestvcpus vm', 'snapshot-list vm',
    'snapshot-current vm', 'snapshot-info vm x', 'snapshot-dumpxml vm x', 'snapshot-parent vm x',
    'checkpoint-list vm', 'backup-dumpxml vm', 'perf vm', 'domlaunchsecinfo vm', 'blockjob vm vda',
    'get-user-sshkeys vm root', 'migrate-getmaxdowntime vm', 'migrate-getspeed vm',
    'migrate-compcache vm', 'save-image-dumpxml /nowhere', 'version', 'uri', 'hostname', 'nodeinfo',
    'nodecpumap', 'nodecpustats', 'nodememstats', 'freecell', 'freepages --all', 'maxvcpus',
    'sysinfo', 'capabilities', 'domcapabilities', 'cpu-models riscv64', 'node-memory-tune',
    'nodesevinfo',
]

# Those that change something: each in a fresh situation.
COMMANDS = [
    'start vm', 'start vm --paused', 'start vm --autodestroy', 'start vm --force-boot',
    'create {xml}', 'define {xml}', 'edit vm', 'destroy vm', 'destroy vm --graceful', 'suspend vm',
    'resume vm', 'reset vm', 'reboot vm', 'shutdown vm', 'undefine vm', 'undefine vm --managed-save',
    'undefine vm --nvram', 'undefine vm --snapshots-metadata', 'managedsave vm',
    'managedsave vm --paused', 'managedsave-remove vm', 'save vm {file}', 'restore /nowhere',
    'restore {xml}', 'autostart vm', 'autostart vm --disable', 'domrename vm other',
    'domrename vm vm', 'desc vm text', 'desc vm text --title', 'desc vm text --config',
    'metadata vm urn:x --key k --set <a/>', 'metadata vm urn:x --remove', 'setmem vm 16M',
    'setmem vm 16M --config', 'setmem vm 64M --config', 'setmaxmem vm 64M --config',
    'setmaxmem vm 64M', 'setvcpus vm 1', 'setvcpus vm 1 --config', 'setvcpus vm 4 --config',
    'setvcpus vm 4 --config --maximum', 'vcpupin vm 0 0', 'vcpupin vm 9 0', 'emulatorpin vm 0',
    'domif-setlink vm {mac} down', 'domif-setlink vm {mac} down --config',
    'attach-disk vm {image} vdb', 'attach-disk vm {image} vdb --config',
    'attach-disk vm {image} vda --config', 'detach-disk vm vda', 'detach-disk vm vda --config',
    'detach-disk vm vdz --config', 'attach-interface vm user user --config',
    'detach-interface vm user --config', 'change-media vm vda --eject', 'domjobabort vm',
    'inject-nmi vm', 'send-key vm 1', 'screenshot vm {file}.png',
    'set-lifecycle-action vm crash preserve', 'schedinfo vm --set weight=1',
    'memtune vm --hard-limit 1000000', 'blkdeviotune vm vda --total-bytes-sec 1000',
    'domtime vm --now', 'domfstrim vm', 'domfsfreeze vm', 'domfsthaw vm',
    'set-user-password vm root x', 'dompmsuspend vm mem', 'dompmwakeup vm',
    'snapshot-create-as vm s', 'snapshot-create vm {snapshot}', 'snapshot-delete vm s',
    'snapshot-revert vm s', 'snapshot-edit vm s', 'checkpoint-create-as vm c',
    'blockresize vm vda 2M', 'blockpull vm vda', 'blockcommit vm vda', 'domblkthreshold vm vda 1',
    'iothreadadd vm 1', 'setvcpu vm 1 --disable', 'guestvcpus vm --cpulist 0 --disable',
    'managedsave-define vm {xml}', 'qemu-monitor-command vm x', 'update-device vm {snapshot}',
    'attach-device vm {snapshot}', 'guest-agent-timeout vm --timeout 5', 'domdirtyrate-calc vm',
]

# virsh commands that call procedures of the first tier.
TIER_1 = (
    'capabilities', 'connect', 'console', 'cpu-stats', 'create', 'define', 'desc', 'destroy',
    'domblkinfo', 'domblklist', 'domblkstat', 'domcapabilities', 'domcontrol', 'domdisplay', 'domid',
    'domif-getlink', 'domif-setlink', 'domifstat', 'domiflist', 'dominfo', 'domjobabort',
    'domjobinfo', 'dommemstat', 'domname', 'domstate', 'domuuid', 'dumpxml', 'edit', 'emulatorpin',
    'event', 'freecell', 'hostname', 'list', 'managedsave', 'managedsave-remove', 'maxvcpus',
    'migrate', 'nodecpumap', 'nodeinfo', 'reboot', 'reset', 'restore', 'resume', 'save', 'shutdown',
    'snapshot-create', 'snapshot-create-as', 'snapshot-current', 'snapshot-delete',
    'snapshot-dumpxml', 'snapshot-edit', 'snapshot-info', 'snapshot-list', 'snapshot-parent',
    'snapshot-revert', 'start', 'suspend', 'ttyconsole', 'undefine', 'uri', 'vcpucount', 'vcpuinfo',
    'vcpupin', 'version', 'vncdisplay',
)

# Of those, the ones that need a terminal, an event or a second host.
ELSEWHERE = {
    'connect': 'every test does',
    'console': 'test-virsh.py, on a terminal',
    'event': 'test-virsh.py, test-events.py',
    'migrate': 'there is no migration yet; test-virsh.py sees that it is said so',
}

# What the test driver lacks altogether is no measure: there ours may do it or refuse it in words,
# but not by these.
LACKING = ('fails: this function is not supported by the connection driver',
           'fails: unsupported flags')
NEVER = ('fails: internal error', 'fails: An error occurred, but the cause is unknown')

# command: a regular expression; ours: how our kind begins; why: the reason
Difference = namedtuple('Difference', 'command situations ours why')

ANY = tuple(SITUATIONS)
THERE = ANY[1:]
ACTIVE = ('running', 'paused', 'transient')
UNSUPPORTED = 'fails: this function is not supported by the connection driver'
REFUSED = 'fails: Operation not supported'
INVALID = 'fails: Requested operation is not valid'

DIFFERENCES = [Difference(*row) for row in (
    # Of another name, or with more to tell.
    ('uri', ANY, 'does: keys coppice', 'the drivers have names of their own'),
    ('nodecpustats', ANY, 'does: keys idle intr iowait system user',
     'the host counts interrupts'),
    ('dominfo vm', THERE, 'does: keys Autostart CPU',
     'the test driver has a security model; a machine has used processor time only while it runs'),
    ('domstats vm', THERE, "does: Domain: 'vm' | state.state=N | state.reason=N | ",
     'there are statistics of machines'),
    ('domblkstat vm vda', ACTIVE, 'does: vda rd_req N | vda rd_bytes N | vda wr_req N | vda wr_bytes',
     'disks are flushed, which takes time'),
    ('dommemstat vm', ACTIVE, 'does: actual N | rss N', 'a machine has memory'),
    ('ttyconsole vm', ACTIVE, 'does: PATH', 'a machine has a console'),
    ('domblkerror vm', ACTIVE, 'does: No errors found', 'the test driver makes one up'),
    ('schedinfo vm', THERE, 'does: keys Scheduler cpu_shares',
     'the scheduler is that of the host, which calls it so'),
    ('schedinfo vm --set weight=1', THERE, 'fails: invalid scheduler option', 'as above'),
    ('blkiotune vm', THERE, 'does: nothing', 'machines are processes: no weight is set'),
    ('blkdeviotune vm vda', THERE, 'does: keys read_bytes_sec read_bytes_sec_max', 'the usual ones'),
    # The same error, of a class that libvirt's hypervisors give it; the test driver says that it is
    # an internal one.
    ('suspend vm|resume vm|shutdown vm', ('shut off', 'running', 'transient'), INVALID,
     'as the QEMU driver'),
    ('suspend vm', ('paused',), "does: Domain 'vm' suspended",
     'it is suspended when that is done, as with the QEMU driver'),
    ('(save-image-dumpxml|restore) /nowhere', ANY, 'fails: cannot open /nowhere', 'other words'),
    ('restore {xml}', ANY, 'fails: XML error', 'the file is a document, of another kind'),
    # What has no place in a transient domain; the test driver does not look.
    ('undefine vm.*|autostart vm.*', ('transient',), INVALID, 'as all hypervisors'),
    # What machines cannot do while they run.
    ('setvcpus vm 1', ACTIVE, REFUSED, 'harts stay'),
    ('memtune vm --hard-limit 1000000', THERE, REFUSED,
     'a machine is a process: the service manager limits it'),
    ('blkdeviotune vm vda --total.*', THERE, REFUSED, 'as above'),
    ('numatune vm|perf vm|iothreadadd vm 1', THERE, UNSUPPORTED,
     'machines have no memory nodes, events of the host or threads for disks of their own'),
    ('freepages --all', ANY, 'fails: could not get information about supported page sizes',
     'no pool of large pages is kept for machines'),
    ('inject-nmi vm|send-key vm 1|screenshot vm .*', ACTIVE, REFUSED,
     'machines have no display, one key, and no such interrupt'),
    ('screenshot vm .*', ('shut off',), INVALID, 'as the QEMU driver'),
    # What is asked of an agent in the guest, and the domain has no channel to one.
    ('domtime vm.*|domfstrim vm|domfsfreeze vm|domfsthaw vm|domhostname vm|domfsinfo vm|'
     'set-user-password vm root x', ACTIVE, 'fails: argument unsupported',
     'no agent: as the QEMU driver without a channel'),
    # Not there yet.
    ('snapshot-create.*', THERE, UNSUPPORTED, 'snapshots are yet to come'),
    ('checkpoint-create-as vm c', THERE, UNSUPPORTED, 'checkpoints belong to backups'),
)]
