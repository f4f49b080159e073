#!/usr/bin/env bash
# Train, export int8, run live against the wearable's own firmware: on the simulated postures, then
# on real recordings when they are here. Every command is printed before it runs, so each line can be
# typed again by hand.
set -euo pipefail
cd "$(dirname "$0")/.."

data="${WEARKIT_DATA:-../shared/data}/hapt-accel.tar.xz"
port="build/demo-port"
player=""
mkdir -p build

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() { printf '\033[2m$ %s\033[0m\n' "$*"; "$@"; }

stop_player() {
    if [[ -n "$player" ]]; then
        kill "$player" 2>/dev/null || true
        wait "$player" 2>/dev/null || true
        player=""
    fi
}
trap stop_player EXIT

# verify_against BUNDLE WINDOWS EMULATE-ARGUMENTS...: the firmware with this model behind a model of
# the sensor, on a pseudo-terminal; live compares all its logits with the integer reference.
verify_against() {
    local bundle="$1" windows="$2"
    shift 2
    printf '\033[2m$ wearkit emulate --link %s --bundle %s %s &\033[0m\n' "$port" "$bundle" "$*"
    wearkit emulate --link "$port" --bundle "$bundle" "$@" >build/demo-emulate.log 2>&1 &
    player=$!
    wait_for_port
    run wearkit live --port "$port" --bundle "$bundle" --windows "$windows" \
        --verify --certificate "$bundle-equivalence.json"
    stop_player
}

wait_for_port() {
    for _ in $(seq 600); do
        [[ -e "$port" ]] && return
        kill -0 "$player" 2>/dev/null || break
        sleep 0.1
    done
    cat build/demo-emulate.log >&2
    exit 1
}

# Does the generated C compute here what the report promises? `cc`, nothing else.
check_c() {
    if command -v cc >/dev/null; then
        run cc -std=c99 -O2 -I"$1/c" "$1"/c/*.c examples/c/check_golden.c -o build/demo-check-golden
        run build/demo-check-golden
    else
        echo "$1/c is written; no C compiler is here to run it."
    fi
}

say "1. Train MTL-net with Smooth-Distill on simulated sleep postures (no data, no board needed)"
run wearkit train --epochs 4 --out runs/demo-posture --force

say "2. Quantize once; write ONNX and TFLite; run every runtime that is installed"
run wearkit export --int8 --checkpoint runs/demo-posture --out build/demo-posture-int8 --force
check_c build/demo-posture-int8

say "3. Live: the wearable's firmware as a program of this computer, ten times faster than life"
verify_against build/demo-posture-int8 20 --speed 10

if [[ -f "$data" ]]; then
    say "4. Real recordings: HAPT, 30 people; live on an emulated Cortex-M4, with a stranger to the network"
    run wearkit data info "$data"
    run wearkit train --data "$data" --arch mtl-net-micro --epochs 4 --out runs/demo-hapt --force
    run wearkit export --int8 --checkpoint runs/demo-hapt --out build/demo-hapt-int8 --force
    check_c build/demo-hapt-int8
    stranger="$(python -c 'import json; print(json.load(open("runs/demo-hapt/metrics.json"))["split"]["test"]["subjects"][0])')"
    verify_against build/demo-hapt-int8 20 --data "$data" --subject "$stranger" --speed 10 \
        --target cortex-m4
else
    say "4. Skipped: $data is not here. Point WEARKIT_DATA at a folder that holds the HAPT archive."
fi

say "Done. Models: build/demo-*-int8 (read MODEL_CARD.md); proofs: build/demo-*-equivalence.md; runs with curves: runs/demo-*"
