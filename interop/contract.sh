#!/usr/bin/env bash
# Compiles the contract of the Ethereum anchor again, with solc from the npm
# registry, and compares the result with the code that the product has.
# With --write it replaces that code; proof/ethereum's CodeHash changes with it.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

need node "Node.js"
need npm "Node.js"
solc=0.8.37
folder=$repository/internal/ledger/anchor/ethereum/contract

mkdir -p "$cache/solc-$solc"
cd "$cache/solc-$solc"
[ -d node_modules/solc ] || npm install --no-save --silent "solc@$solc"

cat >compile.js <<-'END'
	const fs = require("fs"), solc = require("solc");
	const input = {
	  language: "Solidity",
	  sources: { "CheckpointAnchor.sol": { content: fs.readFileSync(process.argv[2], "utf8") } },
	  settings: {
	    optimizer: { enabled: true, runs: 1000000 },
	    evmVersion: "paris", // without PUSH0, which not every chain has
	    metadata: { appendCBOR: false, bytecodeHash: "none" }, // the code depends on the source's meaning only
	    outputSelection: { "*": { "*": ["evm.bytecode.object"] } },
	  },
	};
	const output = JSON.parse(solc.compile(JSON.stringify(input)));
	if (output.errors) { console.error(output.errors.map((e) => e.formattedMessage).join("\n")); process.exit(1); }
	console.log(output.contracts["CheckpointAnchor.sol"].CheckpointAnchor.evm.bytecode.object);
END

compile() { node compile.js "$folder/CheckpointAnchor.sol" | fold -w 100; }

if [ "${1:-}" = --write ]; then
	compile >"$folder/CheckpointAnchor.hex"
	exit
fi
same() { diff <(compile) "$folder/CheckpointAnchor.hex"; }
check "the compiled contract is that of its source" same
report "solc (contract of the Ethereum anchor)" "$solc"
finish
