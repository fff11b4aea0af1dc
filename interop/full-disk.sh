#!/usr/bin/env bash
# A node on a small disk of its own (ext4 in a file, which root can mount) that
# producers fill. Space is given back while the node runs: nothing that was
# acknowledged is lost, the ledger comes back by itself, and all is proven.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

for tool in mkfs.ext4 mount umount truncate fallocate curl; do
	need "$tool" "on Debian: e2fsprogs, mount, coreutils, util-linux, curl"
done
if [ "$(id -u)" -ne 0 ]; then
	echo "full-disk.sh mounts a disk, which only root can" >&2
	exit 2
fi

# unmount: the node ends before its disk does.
unmount() {
	stop_evident
	umount "$work/disk" 2>/dev/null || true
	cleanup
}
trap unmount EXIT

truncate -s 96M "$work/image"
mkfs.ext4 -q -m 0 "$work/image"
mkdir "$work/disk"
mount -o loop "$work/image" "$work/disk"
mkdir "$work/disk/data"
ln -s "$work/disk/data" "$work/data"
fallocate -l 24M "$work/disk/ballast"

build_evident
start_evident --listen-kafka 127.0.0.1:0 --ledger-origin example.com/events
export EVIDENT_BROKERS=$kafka
web=http://$http
curl -sf "$web/ledger/vkey" >"$work/keys"
"$evident" topic create orders --partitions 1

# lines N: 1000 orders that no other N has, all of them long.
lines() {
	local filling
	filling=$(printf '%02000d' 0)
	seq -f "order $1-%g $filling" 1000
}

# fill: produces until the disk is full. $work/acknowledged has what was taken.
fill() {
	local n
	: >"$work/acknowledged"
	for n in $(seq 1000); do
		lines "$n" >"$work/lines"
		"$evident" produce orders --timeout 5s <"$work/lines" || break
		cat "$work/lines" >>"$work/acknowledged"
		if [ "$n" -eq 5 ]; then
			"$evident" monitor "$web" --vkey "$work/keys" --state "$work/monitor" --once
		fi
	done
	[ "$n" -gt 5 ] && [ "$n" -lt 1000 ]
	still_serves
	dd if=/dev/zero of="$work/disk/more-ballast" bs=4096 2>/dev/null || true # to the last block
	for n in $(seq 20); do
		"$evident" produce orders --timeout 5s <<<"small $n" || continue
		echo "small $n" >>"$work/acknowledged"
	done
	df "$work/disk"
}

# ready STATUS: waits until the node says so of itself.
ready() {
	local got
	for _ in $(seq 600); do
		got=$(curl -s -o "$work/ready" -w '%{http_code}' "$web/readyz")
		if [ "$got" = "$1" ]; then
			cat "$work/ready"
			return
		fi
		sleep 0.1
	done
	echo "the node is not ready as $1 says, but as $got: $(cat "$work/ready")"
	return 1
}

# all_there: the log has what was acknowledged, once and in order; batches that
# were not may be there, too.
all_there() {
	"$evident" consume orders --stop-at-end >"$work/consumed"
	sort "$work/consumed" | uniq -d | head -n 3 >"$work/twice"
	[ ! -s "$work/twice" ]
	awk 'NR == FNR { acknowledged[$0]; next } $0 in acknowledged' "$work/acknowledged" "$work/consumed" | cmp - "$work/acknowledged"
}

gives_back() {
	rm "$work/disk/ballast" "$work/disk/more-ballast"
	ready 200
	lines after >"$work/lines"
	"$evident" produce orders <"$work/lines"
	cat "$work/lines" >>"$work/acknowledged"
}

all_proven() {
	local end offset
	end=$(wc -l <"$work/consumed")
	for offset in 0 $((end / 3)) $((end / 2)) $((end - 1001)) $((end - 1000)) $((end - 1)); do
		"$evident" prove "orders/0@$offset" --url "$web" -o "$work/proof" --timeout 60s
		"$evident" verify "$work/proof" --vkey "$work/keys"
	done
	"$evident" ledger audit "$web" --vkey "$work/keys" --state "$work/audit"
	"$evident" monitor "$web" --vkey "$work/keys" --state "$work/monitor" --once
}


check "producers fill the disk, and the node goes on" fill
check "the node says that it is not ready" ready 503
check "what was acknowledged can be read" all_there
check "space is given back, and the node is ready by itself" gives_back
check "nothing is lost, and nothing there twice" all_there
check "all is proven, and no history rewritten" all_proven
report "Evident (full disk)" "$("$evident" version -o json | grep -oP '"version": *"\K[^"]*')"

finish
