#!/usr/bin/env bash
# Runs Prometheus and Alertmanager with our rules, and a training that Alertmanager stops when it memorizes. All use free ports of this
# machine and end with this script (Ctrl-C).
#
#   config/prometheus/observe.sh COMMAND...
#
# COMMAND is `rotewatch train` with its flags. The script adds --listen and --state.
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=$(mktemp -d)
state=$folder/state

for needed in prometheus promtool prometheus-alertmanager "$1"; do
  command -v "$needed" >/dev/null || { echo "$needed is missing: make observe says how to get it" >&2; exit 2; }
done

children=()
end() {
  trap - EXIT
  trap '' INT TERM
  if ((${#children[@]})); then
    kill "${children[@]}" 2>/dev/null || true
    wait "${children[@]}" 2>/dev/null || true
  fi
  rm -rf "$folder"
}
trap end EXIT
trap 'exit 0' INT TERM

# Starts a program in the background and writes its output to a file.
beside() {
  local log=$1
  shift
  "$@" >"$log" 2>&1 &
  children+=($!)
}

# Waits for the first line of a file that matches a pattern and prints its first group.
told() {
  local log=$1 pattern=$2 found
  for _ in {1..600}; do
    found=$(sed -nE "s#$pattern#\1#p" "$log" 2>/dev/null | head -n 1)
    if [ -n "$found" ]; then echo "$found"; return; fi
    sleep 0.1
  done
  echo "no matching line within a minute in this log:" >&2
  cat "$log" >&2
  return 1
}
listening='.*msg="Listening on" address=([^ ]+).*'

# Chosen here, because Prometheus, Alertmanager and the user need the port before the training starts.
free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)); (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}
training=127.0.0.1:$(free_port)

sed "s#127.0.0.1:19787#$training#; s#/var/lib/rotewatch#$state#" config/prometheus/alertmanager.yml >"$folder/alertmanager.yml"
beside "$folder/alertmanager.log" prometheus-alertmanager --config.file="$folder/alertmanager.yml" \
  --storage.path="$folder/alertmanager" --web.listen-address=127.0.0.1:0 --cluster.listen-address=
alertmanager=$(told "$folder/alertmanager.log" "$listening")

for rules in recording alerts; do
  sed "s#http://runbooks.example.org#file://$PWD/docs/runbooks#" "config/prometheus/$rules.rules.yml" >"$folder/$rules.rules.yml"
done
cat >"$folder/prometheus.yml" <<END
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [recording.rules.yml, alerts.rules.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ['$alertmanager']}]}]}
scrape_configs: [{job_name: rotewatch, static_configs: [{targets: ['$training']}]}]
END
beside "$folder/prometheus.log" prometheus --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/prometheus" \
  --web.listen-address=127.0.0.1:0
prometheus=$(told "$folder/prometheus.log" "$listening")
# Wait for the first scrape, some seconds after the start: without it, a training on digits could be half done by then.
until [ -n "$(promtool query instant "http://$prometheus" up)" ]; do
  kill -0 "${children[-1]}" || { cat "$folder/prometheus.log" >&2; exit 1; }
  sleep 0.1
done

echo "Prometheus    http://$prometheus/graph?g0.expr=rotewatch_memorization_score_ratio&g0.tab=0&g0.range_input=10m"
echo "  alerts      http://$prometheus/graph?g0.expr=ALERTS"
echo "Alertmanager  http://$alertmanager/"
echo "rotewatch     http://$training/ (stopped by Alertmanager when it memorizes)"
echo "Press Ctrl-C to stop all of them."

"$@" --listen "$training" --state "$state" &
children+=($!)
wait $!
