# Keeps a node's mount view: the host's, with directories of the node's own where a node keeps state. Slave, so that pod
# namespaces named later on the host are seen here too. Ends when the lab does: its stdin closes.
set -eu
state=$1
place() {
    mkdir -p "$2"
    mount --bind "$state/$1" "$2"
}
place run-aws-node /run/aws-node
place etc-cni /etc/cni
place var-lib-cni /var/lib/cni
place var-lib-enid /var/lib/enid
# A node boots when the lab says so, not when this machine did.
mount --bind "$state/boot-id" /proc/sys/kernel/random/boot_id
echo ready
exec cat >/dev/null
