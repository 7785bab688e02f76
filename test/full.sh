#!/usr/bin/env bash
# The long suites, each once per commit: what passed is noted in .full/NAME.stamp and
# not run again, so that this can be interrupted and go on. Writes the result to
# docs/test-full.md. Ends red if anything failed.
#
#   test/full.sh [NAME...]    only these suites
set -u
cd "$(dirname "$0")/.."
GO=${GO:-go}
export CGO_ENABLED=0
mkdir -p .full

# The result page is no change of what is tested.
commit=$(git rev-parse --short HEAD)
git diff --quiet HEAD -- . ':!docs/test-full.md' || commit=$commit-dirty

suites=(all race lockcheck guest-20 systrap-race-20)
while read -r dir name; do
	suites+=("fuzz:$dir:$name")
done < <(make -s fuzz-targets)

run() { # suite
	local dir name
	case $1 in
	all) GLOVEBOX_FULL=1 $GO test -count=1 -timeout=120m ./... ;;
	race | lockcheck) make -s "$1" ;;
	guest-20) $GO test -count=20 -timeout=60m ./sentry/sys ;;
	systrap-race-20) CGO_ENABLED=1 $GO test -race -count=20 -timeout=60m ./sentry/platform/systrap ;;
	fuzz:*)
		IFS=: read -r _ dir name <<<"$1"
		$GO test -run='^$' -fuzz="^$name\$" -fuzztime="${FULLFUZZ:-5m}" -fuzzminimizetime=20x "$dir"
		;;
	*) echo "no suite $1" && return 1 ;;
	esac
}

for s in "${@:-${suites[@]}}"; do
	file=.full/$(tr '/:' '__' <<<"$s")
	if [[ -f $file.stamp && $(cut -d' ' -f1 "$file.stamp") == "$commit" ]]; then
		continue
	fi
	echo "$(date -u +%H:%M:%S) $s"
	start=$SECONDS
	if run "$s" >"$file.log" 2>&1 </dev/null; then
		echo "$commit $(date -u +%F) $((SECONDS - start)) passed" >"$file.stamp"
	else
		# Not a stamp: it is tried again next time.
		rm -f "$file.stamp"
		echo "$commit $(date -u +%F) $((SECONDS - start)) FAILED" >"$file.failed"
		tail -n 20 "$file.log"
		continue
	fi
	rm -f "$file.failed"
done

failed=0
{
	echo "# The long suites"
	echo
	echo "\`make test-full\` on $(nproc) processors, Linux $(uname -r), as $(id -un). A line a suite: its last result, at which commit, how long it took."
	echo
	echo "| suite | result | commit | date | seconds | |"
	echo "|---|---|---|---|---|---|"
	for s in "${suites[@]}"; do
		file=.full/$(tr '/:' '__' <<<"$s")
		note=
		if [[ $s == fuzz:* && -f $file.log ]]; then
			note=$(grep -o 'execs: [0-9]*' "$file.log" | tail -n 1)
		fi
		if [[ -f $file.failed ]]; then
			read -r at day took result <"$file.failed"
			note="$note $(grep -m1 -o -e '--- FAIL: [^ ]*' "$file.log")"
		elif [[ -f $file.stamp ]]; then
			read -r at day took result <"$file.stamp"
		else
			read -r at day took result <<<"- - - not run"
		fi
		echo "| $s | $result | $at | $day | $took | $note |"
	done
} >docs/test-full.md
cat docs/test-full.md
! grep -q -e FAILED -e 'not run' docs/test-full.md || failed=1
exit $failed
