# Thin: what takes more than a line is in localcloud/ and infra/. Everything generated is in .local/.

STAGE ?= dev
# What works on a stage that runs already works on the local one, unless a stage is named.
RUNNING := $(if $(filter file,$(origin STAGE)),local,$(STAGE))
N ?=
PIPELINE ?=
PORT ?=
ARGS ?=

ifndef PYTHON
PYTHON := $(firstword $(foreach p,python3.13 python3.12 python3,\
  $(shell $(p) -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && echo $(p))))
endif
ifeq ($(PYTHON),)
$(error Halftone needs Python 3.12 or newer, and none was found; say where it is: make up PYTHON=/path/to/python3)
endif

CLOUD := $(PYTHON) -m localcloud
BIN := .local/venv/bin
CODE := app.py chalicelib localcloud infra bench preview tests

LOCKED := requirements requirements-deploy requirements-dev bench/requirements tests/mutants/requirements localcloud/requirements
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-emit-index-url --no-header --no-annotate

.DEFAULT_GOAL := help
.PHONY: help up down logs env test check histories mutants fuzz bench equal load chaos coldstart cost deploy rollback deployments destroy package acceptance state unlock lock redrive reprocess secrets test-tools deploy-tools bench-tools mutants-tools

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  PYTHON=python3.12     the interpreter, and so the Lambda runtime (now: $(PYTHON))"
	@echo "  PORT=4600             up: where the local cloud listens (default 4566)"
	@echo "  PIPELINE=name         up, deploy, package, acceptance: the pipeline, a file of chalicelib/pipelines (default: default)"
	@echo "  STAGE=name            deploy, rollback, deployments, destroy, package, acceptance, state, unlock: which (dev)"
	@echo "                        redrive, reprocess, secrets: likewise (default: the stage of the local AWS)"
	@echo "  SOURCE_BUCKET=name    deploy, acceptance: a bucket that exists, for originals (default: one of the stage's own)"
	@echo "  DEST_BUCKET=name      deploy, package, acceptance: likewise, for variants"
	@echo "  CANARY=yes, no        deploy: upload a picture and wait for it (default: the first time only)"
	@echo "  OUT=folder            package: where to (default: .local/package/<stage>)"
	@echo "  EMPTY_BUCKETS=yes     destroy: delete the pictures as well"
	@echo "  KEEP=yes              acceptance: do not delete the stage in the end"
	@echo "  YES=yes               destroy, acceptance: do not ask"
	@echo "  N=1000                load, chaos: how many uploads; histories: how many of each kind;"
	@echo "                        mutants: how many more, at random (default: all)"
	@echo "  ARGS='...'            fuzz, bench, equal, load, chaos, coldstart, cost: their own options"

up: ## start a local AWS, deploy to it, resize a sample photo
	@$(CLOUD) up $(if $(PORT),--port $(PORT)) $(if $(PIPELINE),--pipeline $(PIPELINE))

down: ## stop the local AWS and forget what it holds
	@$(CLOUD) down

logs: ## follow what the deployed functions log
	@$(CLOUD) logs

env: ## print shell exports for the local AWS; eval them
	@$(CLOUD) env

test-tools deploy-tools bench-tools mutants-tools:
	@$(CLOUD) $@

check: test-tools ## lint, format, types, import rules, CloudFormation, workflows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports
	$(BIN)/cfn-lint infra/*.yaml
	$(BIN)/zizmor --offline --quiet .github/workflows docs/examples/*.yml

test: check ## check, then every test
	$(BIN)/pytest -n 2 --dist loadfile

histories: test-tools ## play random histories against the core (N=10000 of each kind)
	$(BIN)/python -m tests.histories $(N) $(ARGS)

mutants: test-tools mutants-tools ## mutate the core, and see which mutants the tests let live (N=50 of them)
	.local/venv-mutants/bin/python -m tests.mutants $(N)

fuzz: test-tools ## feed damaged pictures to the imaging core
	$(BIN)/python -m tests.imaging.fuzz $(ARGS)

bench: bench-tools ## measure the imaging core beside other engines
	.local/venv-bench/bin/python -m bench $(ARGS)

equal: bench-tools ## compare what encoders spend on the same quality
	.local/venv-bench/bin/python -m bench.equal $(ARGS)

load: test-tools ## upload a burst to a local AWS of its own, and measure
	@$(CLOUD) load -- $(if $(N),--uploads $(N)) $(ARGS)

chaos: test-tools ## kill workers under load, and check that nothing is lost, doubled or stale
	@$(CLOUD) chaos -- $(if $(N),--uploads $(N)) $(ARGS)

coldstart: test-tools ## measure each function's import and first call, beside the least there can be
	@$(CLOUD) coldstart -- $(ARGS)

cost: test-tools ## estimate what a pipeline costs on AWS, from what it takes here (IMAGES=1000000)
	@$(CLOUD) cost $(if $(PIPELINE),--pipeline $(PIPELINE)) -- $(if $(IMAGES),--images $(IMAGES)) $(ARGS)

deploy: deploy-tools ## create or update a stage on AWS
	$(BIN)/python -m infra.deploy deploy --stage $(STAGE) $(if $(PIPELINE),--pipeline $(PIPELINE)) \
		$(if $(SOURCE_BUCKET),--source-bucket $(SOURCE_BUCKET)) $(if $(DEST_BUCKET),--dest-bucket $(DEST_BUCKET)) \
		$(if $(CANARY),$(if $(filter no,$(CANARY)),--no-canary,--canary))

rollback: deploy-tools ## deploy once more what was deployed before
	$(BIN)/python -m infra.rollback --stage $(STAGE)

deployments: deploy-tools ## list what was deployed of a stage, the latest last
	@$(BIN)/python -m infra.rollback --stage $(STAGE) --list

destroy: deploy-tools ## delete a stage on AWS
	$(BIN)/python -m infra.deploy destroy --stage $(STAGE) $(if $(filter yes,$(EMPTY_BUCKETS)),--empty-buckets) $(if $(filter yes,$(YES)),--yes)

package: deploy-tools ## write a stage as one CloudFormation template, with its zips
	$(BIN)/python -m infra.package --stage $(STAGE) $(if $(PIPELINE),--pipeline $(PIPELINE)) \
		$(if $(SOURCE_BUCKET),--source-bucket $(SOURCE_BUCKET)) $(if $(DEST_BUCKET),--dest-bucket $(DEST_BUCKET)) \
		$(if $(OUT),--out $(OUT))

acceptance: deploy-tools ## make a whole stage on AWS, use it, delete it, and see that nothing is left
	$(BIN)/python -m infra.acceptance --stage $(STAGE) $(if $(PIPELINE),--pipeline $(PIPELINE)) \
		$(if $(SOURCE_BUCKET),--source-bucket $(SOURCE_BUCKET)) $(if $(DEST_BUCKET),--dest-bucket $(DEST_BUCKET)) \
		$(if $(filter yes,$(KEEP)),--keep) $(if $(filter yes,$(YES)),--yes)

state: deploy-tools ## write down for `chalice deploy` what there is of a stage on AWS
	$(BIN)/python -m infra.deploy state --stage $(STAGE)

unlock: deploy-tools ## let a stage be deployed again that a deployment which died still has
	$(BIN)/python -m infra.deploy unlock --stage $(STAGE)

lock: test-tools ## write the requirements with hashes, from the .in files (ARGS=--upgrade)
	for file in $(LOCKED); do (cd $$(dirname $$file) && $(CURDIR)/$(LOCK) $$(basename $$file).in -o $$(basename $$file).txt $(ARGS)) || exit; done

redrive: deploy-tools ## hand back to the functions what Lambda gave up on
	@$(CLOUD) redrive --stage $(RUNNING)

secrets: deploy-tools ## put what webhooks need into Parameter Store
	@$(CLOUD) secrets --stage $(RUNNING)

reprocess: deploy-tools ## have every original looked at again, after a change of the pipeline
	@$(CLOUD) reprocess --stage $(RUNNING)
