# The containerd of a lab node, as pid 1's only child: in the node's network and mounts, with mounts and pids of its own, so
# that everything it starts and mounts ends with it. Its shims insist on /run/containerd; this one is private.
set -eu
directory=$1
mkdir -p /run/containerd
mount --bind "$directory/run-containerd" /run/containerd
cd "$directory"
containerd -c "$directory/config.toml" &
wait "$!"
