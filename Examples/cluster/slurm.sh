#!/usr/bin/env bash
# An experiment on a Slurm cluster: eight jobs that share nothing but a folder, and one that puts their results together.
#
#   sbatch Examples/cluster/slurm.sh
#   sbatch --dependency=afterany:JOB --array=1 Examples/cluster/slurm.sh merge     # JOB is the number that the first line printed
#
# A job that its time limit ends goes on where it was when the first line is typed again.
#SBATCH --job-name=cellgate
#SBATCH --array=1-8
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH --time=12:00:00
#SBATCH --signal=B:INT@120
set -euo pipefail

shards=8
folder="${CELLGATE_RUNS:-$HOME/cellgate-runs}/adding"
mkdir -p "$folder"
if [ "${1:-}" = merge ]; then
  exec cellgate merge "$folder"/part-* --out "$folder/all"
fi
# Ctrl-C, two minutes before the end of the time, saves everything.
exec cellgate reproduce adding --budget full --threads "$SLURM_CPUS_PER_TASK" \
  --shard "$SLURM_ARRAY_TASK_ID/$shards" --out "$folder/part-$SLURM_ARRAY_TASK_ID"
