# Between containerd and the plugin: keeps what each call brought and what came out of it, and changes nothing. A call is
# complete when its `code` is there. (`calls` and `plugin` are set above.)
set -eu
[ -d "$calls" ]
number=1
while ! mkdir "$calls/$number" 2>/dev/null; do
    number=$((number + 1))
done
here=$calls/$number
env | grep '^CNI_' >"$here/environment"
cat >"$here/stdin"
code=0
"$plugin" <"$here/stdin" >"$here/stdout" || code=$?
cat "$here/stdout"
echo "$code" >"$here/unfinished"
mv "$here/unfinished" "$here/code"
exit "$code"
