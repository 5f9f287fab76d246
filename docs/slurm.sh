#!/bin/bash
# One table of one paper on two machines of four GPUs:   sbatch docs/slurm.sh egfr --table 6 --preset paper
# The number of machines and GPUs is said here only; another one:   sbatch --nodes 1 docs/slurm.sh quadsnet
# Started again after a time limit, finished cells are reused and the one under way goes on from its last checkpoint.
#SBATCH --job-name=medrepro
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=4
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@120
#SBATCH --output=medrepro-%j.log
set -euo pipefail

key=${1:?which paper: egfr, multiscale, cellline, segradcam or quadsnet}
shift
cd "${SLURM_SUBMIT_DIR:-.}"  # submit from the repository
source .venv/bin/activate

# All ranks meet on the first machine; each cell takes the next port.
MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export MASTER_ADDR

# srun starts one process for each GPU; --out must lie where all machines see it.
exec srun --kill-on-bad-exit=1 python "reproduce/$key.py" \
  --accelerator "${ACCELERATOR:-gpu}" --devices "$SLURM_NTASKS_PER_NODE" --num-nodes "$SLURM_JOB_NUM_NODES" \
  --resume "$@"
