# Each target is a line that can be typed by hand.
.PHONY: build test lint docs bench fuzz sanitize kills faults soak mpi release

build:
	swift build -c release

test:
	swift test

lint:
	swift format lint --strict --recursive Package.swift Sources Tests Examples Benchmarks Server/Package.swift Server/Sources Server/Tests && .ci/imports

docs:
	CELLGATE_DOCS=1 swift package generate-documentation --target Cellgate

bench:
	swift run -c release cellgate bench

release:
	.ci/release

# Ten million inputs for each reader's own mutator, and ten minutes of libFuzzer's.
fuzz:
	CELLGATE_FUZZ_ROUNDS=10000000 swift test -c release -Xswiftc -enable-testing --filter '/fuzz'
	.ci/fuzz 600

# Address, undefined-behaviour and thread sanitizers over the kernels and the thread pool.
sanitize:
	.ci/sanitize

# Ten thousand kills at random moments, with the program of `make build`; a report that is there is continued.
kills:
	.ci/kills 10000 --out .build/kills.json

# Writes that fail, bits that change, a clock that jumps, in every command.
faults:
	.ci/faults --out .build/faults.json

# Two hours of training on an idle core, and two of serving, with the programs of release builds.
soak:
	swift build -c release
	swift build -c release --package-path Server
	.ci/soak train 1000000 --out .build/soak.json
	.ci/soak serve 7200 --out .build/soak.json

# Runs of several processes against one, with every mpirun that there is.
mpi:
	.ci/mpi
