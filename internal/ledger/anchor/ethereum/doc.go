// Package ethereum anchors checkpoints in a contract on Ethereum, or a chain
// with the same JSON-RPC and transactions (EIP-1559, EIP-1186). The contract and
// its compiled code are in folder contract; interop/contract.sh compiles it
// again. Receipts are those of package proof/ethereum.
package ethereum
