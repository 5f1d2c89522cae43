# A container for the daemon, as its DaemonSet gives it one: the host's network, a root of its own that is read-only, with the
# directories of the node and nothing else of the host (no pod namespaces, no /var, no /tmp), /proc/sys and /sys
# read-only, no_new_privs, and every capability dropped but NET_ADMIN. Runs as pid 1 of a pid namespace.
set -eu
root=$1 state=$2 daemon=$3 power=$4
shift 4
mount -t tmpfs -o mode=755,nosuid tmpfs "$root"
cd "$root"
mkdir -p usr etc/enid proc sys dev run/aws-node var/lib/enid host/etc/cni/net.d host/opt/cni/bin old
ln -s ../run var/run
mount -o bind,ro /usr usr
for name in bin sbin lib lib64; do
    if [ -L "/$name" ]; then
        cp -P "/$name" "$name"
    elif [ -d "/$name" ]; then
        mkdir "$name"
        mount -o bind,ro "/$name" "$name"
    fi
done
# Where the dynamic linker finds libraries that an image would have in place.
if [ -f /etc/ld.so.cache ]; then
    cp /etc/ld.so.cache etc/ld.so.cache
fi
# And what an image has so that a client of HTTPS can be made at all.
for name in etc/ssl etc/pki; do
    if [ -d "/$name" ]; then
        mkdir "$name"
        mount -o bind,ro "/$name" "$name"
    fi
done
for name in null zero full random urandom; do
    : >"dev/$name"
    mount --bind "/dev/$name" "dev/$name"
done
# What a DaemonSet mounts, under the names it has there.
mkdir -p "$state/etc-cni/net.d"
mount --bind "$state/run-aws-node" var/run/aws-node
mount --bind "$state/var-lib-enid" var/lib/enid
mount --bind "$state/etc-cni/net.d" host/etc/cni/net.d
mount -o bind,ro "$state/opt-cni-bin" host/opt/cni/bin
mount -o bind,ro "$state/etc-enid" etc/enid
: >enid
mount -o bind,ro "$daemon" enid
mount -t proc -o nosuid,nodev,noexec proc proc
mount -o bind,ro proc/sys proc/sys
mount -o bind,ro "$state/boot-id" proc/sys/kernel/random/boot_id
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
# What the image sets.
export MALLOC_ARENA_MAX=1
pivot_root . old
umount -l /old
rmdir /old
mount -o remount,bind,ro /
cd /
unset OLDPWD
if [ "$power" = none ]; then
    exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all /enid "$@"
fi
exec setpriv --no-new-privs --bounding-set=-all,+net_admin --inh-caps=-all,+net_admin /enid "$@"
