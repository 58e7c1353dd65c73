# Everything runs in .venv, which is made on first use. `make demo` is the pipeline, command by command.

PYTHON ?= python3
SEED   ?= 0
APIS   ?= generate/seeds/apis.jsonl
TOOLS  ?= 1100
TRAIN  ?=
TOKENS ?= 128
BEAMS  ?= 4
PENALTY ?= 1.0
MODEL  ?=
JUDGE  ?=
ARGS   ?=
EVAL   ?= eval_simulated.json
LEARN_TOOLS ?= 4000
LEARN_STEPS ?= 24000
STYLE  ?= $(if $(findstring ToolAlpaca,$(MODEL)),vicuna,react)

PY     := .venv/bin/python
LAUNCH := .venv/bin/accelerate launch --config_file accelerate_configs/cpu.yaml
NAME   := $(basename $(notdir $(APIS)))
RUN    ?= runs/demo-$(NAME)-$(SEED)
LEARN  ?= runs/learn-$(NAME)-$(SEED)
REPRO  ?= runs/reproduce-$(notdir $(MODEL))-$(basename $(notdir $(EVAL)))
BENCH  := engine simulate build_dataset hf_batching train_cpu schemathesis

# Memory that glibc gives back after every step is asked for again at the next: a sixth of the time on a CPU
export MALLOC_MMAP_THRESHOLD_ := 1073741824
export MALLOC_TRIM_THRESHOLD_ := 1073741824

.DEFAULT_GOAL := help
.PHONY: help demo learn reproduce test lint bench $(addprefix bench-,$(BENCH)) clean
.NOTPARALLEL:

help:
	@echo "make demo       the whole pipeline, offline, on a laptop, in minutes (SEED=$(SEED) APIS=$(APIS))"
	@echo "make test       the test suite, offline"
	@echo "make learn      the demo with half an hour of training"
	@echo "make reproduce  the paper's tables for any model (MODEL=hf/TangQiaoYu/ToolAlpaca-7B EVAL=FILE STYLE=vicuna)"
	@echo "make bench      the benchmarks behind every claim about speed"
	@echo "make lint       ruff, and which rooms may import which"

.venv/installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "error: Python 3.11 or later is needed; name one with make PYTHON=..."; exit 2; }
	test -x $(PY) || $(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt -e .
	@touch $@

demo: .venv/installed
	$(PY) generate/make_toolset.py --apis $(APIS) --tools $(TOOLS) --seed $(SEED) --out $(RUN)
	$(PY) generate/make_instructions.py --seed $(SEED) --out $(RUN)
	$(PY) generate/simulate_instances.py --seed $(SEED) --out $(RUN)
	$(PY) generate/build_dataset.py $(RUN) --detail compact --builtins getDetails --seed $(SEED)
	$(LAUNCH) recipes/sft.py --config recipes/tiny/sft.yaml --dataset_name $(RUN)/dataset --output_dir $(RUN)/model $(TRAIN)
	$(PY) eval/run_agent.py --model offline --tasks $(RUN)/dataset --detail compact --builtins getDetails --seed $(SEED) --out $(RUN)/eval/teacher
	$(PY) eval/run_agent.py --model hf/$(RUN)/model/untrained --max_tokens $(TOKENS) --tasks $(RUN)/dataset --detail compact --builtins getDetails --seed $(SEED) --out $(RUN)/eval/untrained
	$(PY) eval/run_agent.py --model hf/$(RUN)/model --max_tokens $(TOKENS) --num_beams $(BEAMS) --frequency_penalty $(PENALTY) --tasks $(RUN)/dataset --detail compact --builtins getDetails --seed $(SEED) --out $(RUN)/eval/fine-tuned
	$(PY) eval/score.py $(RUN)/eval/teacher
	$(PY) eval/score.py $(RUN)/eval/untrained
	$(PY) eval/score.py $(RUN)/eval/fine-tuned
	$(PY) eval/report.py teacher=$(RUN)/eval/teacher untrained=$(RUN)/eval/untrained fine-tuned=$(RUN)/eval/fine-tuned --corpus $(RUN) --out $(RUN)/report

# The same pipeline with more tools and half an hour of training
learn: .venv/installed
	@$(MAKE) --no-print-directory demo RUN=$(LEARN) TOOLS=$(LEARN_TOOLS) TRAIN="--max_steps $(LEARN_STEPS) $(TRAIN)"

reproduce: .venv/installed
	@test -n "$(MODEL)" || { echo "error: say which model: make reproduce MODEL=hf/TangQiaoYu/ToolAlpaca-7B EVAL=FILE"; exit 2; }
	$(PY) eval/run_agent.py --model $(MODEL) --tasks $(EVAL) --style $(STYLE) --out $(REPRO) $(ARGS)
	$(PY) eval/score.py $(REPRO)
	$(if $(JUDGE),$(PY) eval/judge.py $(REPRO) --judge $(JUDGE))
	$(PY) eval/report.py $(REPRO) --out $(REPRO)/report

test: .venv/installed
	$(PY) -m pytest -n 2 --dist loadgroup

lint: .venv/installed
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	.venv/bin/lint-imports

# `make -k bench` goes on after one that misses its figure
bench: $(addprefix bench-,$(BENCH))

bench-engine bench-build_dataset bench-hf_batching bench-train_cpu: bench-%: .venv/installed
	$(PY) benchmarks/$*.py

bench-simulate: .venv/installed
	$(PY) benchmarks/simulate.py --sizes 1000 50000

bench-schemathesis: .venv/installed
	$(PY) generate/make_toolset.py --apis $(APIS) --seed $(SEED) --out runs/bench-tools
	$(PY) benchmarks/schemathesis_toolset.py --toolset runs/bench-tools/toolset.jsonl

clean:
	rm -rf runs
