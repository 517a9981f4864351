#!/usr/bin/env bash
# A study on a cluster with Slurm, from a login node in a folder that all nodes see. Jobs take cells as they get to
# them; what a job had not finished when its time was up, the next one goes on with. The same command goes on, too.
set -euo pipefail
export PRUNEBENCH_DATA="$PWD/data"

bench run study.yaml --dry-run                    # how many cells, and about how long
bench run study.yaml --launcher slurm --jobs 16 --device cuda \
    --slurm partition=gpu --slurm gpus_per_node=1 --slurm cpus_per_task=4 --slurm time=240
bench leaderboard build --out page                # page/index.html needs no network
