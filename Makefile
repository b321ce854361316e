.DEFAULT_GOAL := help
.PHONY: help setup pack models gate offline demo serve test-unit test test-client test-system parity bench soak chaos fuzz audit runpod-local runpod-fake doctor debug image-proof check lint types contract format clean uninstall
PY := .venv/bin/python
PYTEST := -n 2 --dist loadgroup $(ARGS)

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "make %-14s %s\n", $$1, $$2}'

setup: ## .venv with everything, from the lock
	@sh tools/setup.sh

pack: setup ## lay out .served/model_repository: configs, steps and the chosen pack (offline, unless make models)
	@$(PY) -m faceswap_models.packs $(ARGS)

models: setup ## InsightFace's own weights: make models ARGS="--accept-license" (also --from DIR, --pack buffalo_s)
	@$(PY) -m faceswap_models.insightface --output .packs/insightface $(ARGS)
	@$(PY) -m faceswap_models.packs insightface

gate: setup ## a content gate: make gate ARGS="open-nsfw --threshold 0.8", or ARGS=off
	@$(PY) -m faceswap_models.content_gate $(ARGS)

offline: setup ## go back to the offline model pack
	@$(PY) -m faceswap_models.packs offline

demo: setup ## swap faces in photographs through the real server, into out/; leaves images in examples/images/
	@$(PY) -m faceswap_tools.demo $(ARGS)

serve: setup ## start the server on 127.0.0.1:8000 (HTTP) and :8001 (gRPC) and leave it running
	@$(PY) -m faceswap_models.packs $(ARGS) >/dev/null
	@.venv/bin/faceswap serve

test-unit: setup ## fast tests without a server (tests/unit), under two minutes
	@$(PY) -m pytest tests/unit $(PYTEST)

test: setup ## unit and integration tests, those against the real server included; about ten minutes
	@$(PY) -m pytest $(PYTEST)

test-client: ## the client alone, installed into a clean environment: PYTHON=python3.13 picks the interpreter
	@sh tools/test_client.sh

test-system: setup ## slow proofs (tests/system): soak, chaos, installed packages, other people's clients
	@$(PY) -m pytest tests/system $(PYTEST)

parity: setup ## insightface itself against the served ensemble, one row per check, into out/parity.json
	@$(PY) -m faceswap_tools.parity $(ARGS)

bench: setup ## ours against insightface in one run, one table, into out/bench.json
	@$(PY) -m faceswap_tools.benchmarks $(ARGS)

soak: setup pack ## rounds of mixed traffic, looking for unbounded growth; into out/soak.json, exit code 1 if something grows
	@$(PY) -m faceswap_tools.soak $(ARGS)

chaos: setup pack ## break a real server in every way; what callers saw, into out/chaos.json, exit code 1 if anything accepted was lost
	@$(PY) -m faceswap_tools.chaos $(ARGS)

fuzz: setup ## look for inputs that break what reads them: FUZZ_SECONDS=60, findings in out/fuzz/
	@$(PY) -m faceswap_tools.fuzzing $(ARGS)

audit: setup ## known vulnerabilities of the locked packages; without the advisory database their hashes alone
	@$(PY) -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes -r requirements/audit.txt || true
	@$(PY) -m faceswap_tools.dependency_audit

runpod-local: setup pack ## the RunPod worker under the SDK's local API on 127.0.0.1:8010
	@$(PY) -m faceswap_server.runpod --rp_serve_api --rp_api_host 127.0.0.1 --rp_api_port 8010

runpod-fake: setup pack ## a fake RunPod API on 127.0.0.1:8020 with a worker, for RunPodClient and client/typescript
	@$(PY) -m faceswap_tools.fakes.control_plane --port 8020

doctor: setup ## checks what a worker needs, from an image to the endpoint (ARGS="--endpoint ID")
	@.venv/bin/faceswap doctor $(ARGS)

debug:
	@echo "make debug is now called make doctor; the old name goes in the next release" >&2
	@$(MAKE) --no-print-directory doctor

image-proof: setup ## the Dockerfile's steps and its images' workers without a Docker engine (root, buildah, podman, mmdebstrap)
	@$(PY) -m faceswap_tools.image_proof $(ARGS)

check: lint types ## lint, format and types, strict

lint: setup
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/hadolint Dockerfile
	@$(PY) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()' --no-logo
	@$(PY) -m faceswap_contract --check

types: setup
	@$(PY) -m mypy contract/src python_backend/src client/src model_packs/src server/src tools/src tests examples
	@for entry in model_repository/*/1/model.py python_backend/backends/onnxruntime/model.py; do \
		$(PY) -m mypy $$entry || exit 1; done  # one by one: all are modules named `model`

contract: setup ## what is generated from contract/: option types, error classes, TypeScript, reference pages, contract.json
	@$(PY) -m faceswap_contract

format: setup ## rewrite to the one format
	@.venv/bin/ruff check --fix-only --quiet .
	@.venv/bin/ruff format --quiet .

clean: ## remove what was made here: .venv, packs, the served repository, results
	rm -rf .venv .packs .served out
	rm -f model_repository/*/1/*.onnx model_repository/pack.json model_repository/content_gate/1/gate.json # of 0.1

uninstall: ## the same, and downloads, caches and shared memory of servers that have ended
	@sh tools/uninstall.sh
