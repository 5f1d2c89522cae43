# Inside namespaces of an ordinary user who is root there: gives the lab what it writes to as root of a machine, each a private
# memory file system that goes with the last process. /etc and /var/lib keep what the machine has in them.
set -eu
mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs /run
for folder in /etc /var/lib; do
    mkdir -p "/run/host$folder"
    mount --rbind "$folder" "/run/host$folder"
    mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$folder"
    for entry in "/run/host$folder"/* "/run/host$folder"/.[!.]*; do
        if [ -e "$entry" ] || [ -L "$entry" ]; then
            ln -s "$entry" "$folder/"
        fi
    done
done
exec "$@"
