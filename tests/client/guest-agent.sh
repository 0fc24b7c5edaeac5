# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A guest agent for tests, in the guest's own shell: answers a line of JSON with a line. The guest's
# init runs it from a disk: coppice.run="sh /dev/vda". What stands behind the last line is not read.
port=/dev/virtio-ports/org.qemu.guest_agent.0
while [ ! -e $port ]; do sleep 0.1; done
online=true
frozen=0

# Members may stand on lines of their own below; on the port an answer is one.
say () {
  printf '{"return": %s}\n' "$(printf '%s' "$1" | tr '\n' ' ')" >&3
}

fail () {
  printf '{"error": {"class": "%s", "desc": "%s"}}\n' "$1" "$2" >&3
}

answer () {
  case $1 in
    *guest-sync-delimited*) id=${1##*:}; id=${id%%\}*}; printf '\377{"return": %s}\n' "$id" >&3 ;;
    *'"guest-ping"'*) say '{}' ;;
    *'"guest-get-time"'*) say "$(date +%s)000000000" ;;
    *'"guest-set-time"'*) say '{}' ;;
    *'"guest-get-host-name"'*) say "{\"host-name\": \"$(hostname)\"}" ;;
    *'"guest-get-osinfo"'*) say "{\"id\": \"coppice\", \"kernel-release\": \"$(uname -r)\", \"machine\": \"riscv64\"}" ;;
    *'"guest-get-timezone"'*) say '{"zone": "UTC", "offset": 0}' ;;
    *'"guest-get-users"'*) say '[{"user": "root", "login-time": 1500000000.25}]' ;;
    *'"guest-get-fsinfo"'*)
      say '[{"name": "vda", "mountpoint": "/mnt", "type": "ext4", "used-bytes": 1, "total-bytes": 2,
        "disk": [{"bus-type": "virtio", "dev": "/dev/vda1", "serial": "one"}]}]' ;;
    *'"guest-network-get-interfaces"'*)
      say '[{"name": "eth0", "hardware-address": "52:54:00:00:00:01", "ip-addresses":
        [{"ip-address-type": "ipv4", "ip-address": "10.0.2.15", "prefix": 24},
         {"ip-address-type": "ipv6", "ip-address": "fec0::1", "prefix": 64}]}]' ;;
    *'"guest-get-vcpus"'*)
      say "[{\"logical-id\": 0, \"online\": true, \"can-offline\": false},
        {\"logical-id\": 1, \"online\": $online, \"can-offline\": true}]" ;;
    *'"guest-set-vcpus"'*'"logical-id":1,"online":false'*) online=false; say 1 ;;
    *'"guest-set-vcpus"'*'"logical-id":1,"online":true'*) online=true; say 1 ;;
    *'"guest-fsfreeze-freeze"'*) frozen=3; say 3 ;;
    *'"guest-fsfreeze-freeze-list"'*'"/a \"b\""'*) frozen=1; say 1 ;;
    *'"guest-fsfreeze-thaw"'*) say $frozen; frozen=0 ;;
    *'"guest-fstrim"'*) say '{"paths": []}' ;;
    *'"guest-set-user-password"'*'"password":"c2VjcmV0"'*) say '{}' ;;
    *'"guest-set-user-password"'*) fail GenericError 'no such password' ;;
    *'"guest-ssh-get-authorized-keys"'*) say '{"keys": ["ssh-ed25519 AAAA one", "ssh-rsa BBBB two"]}' ;;
    *'"test-fill"'*) head -c 100000000 /dev/urandom >/tmp/fill; rm /tmp/fill; say '{}' ;;
    *'"test-nonsense"'*) printf '{"return": [}\n' >&3 ;;
    *'"test-silence"'*) ;;
    *'"test-close"'*) exec 3>&-; sleep 1; exec 3<>$port ;;
    *'"guest-shutdown"'*) exit 0 ;;
    *) fail CommandNotFound 'The command has not been found' ;;
  esac
}

exec 3<>$port
echo 'agent: up'
while true; do
  # Nothing is read while nobody is at the host's end.
  if read -r line <&3; then
    answer "$line"
  else
    sleep 0.05
  fi
done
exit 0
