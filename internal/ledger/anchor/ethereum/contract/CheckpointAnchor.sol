// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The checkpoints of one log, in the order of their sizes.
/// @notice Only the owner can anchor a checkpoint, and only one of a larger log
/// than before: so one size has one digest, and history does not go back.
contract CheckpointAnchor {
    /// The account that made the contract. It cannot be changed.
    address public owner;
    /// The size of the log at the newest checkpoint. In one slot with the owner.
    uint64 public size;
    /// The SHA-256 digest of the newest checkpoint's text. Slot 1.
    bytes32 public digest;

    event Anchored(uint64 indexed size, bytes32 digest);

    error NotOwner(address sender);
    error NotGrown(uint64 size);

    constructor() {
        owner = msg.sender;
    }

    function anchor(uint64 newSize, bytes32 newDigest) external {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        if (newSize <= size) revert NotGrown(size);
        size = newSize;
        digest = newDigest;
        emit Anchored(newSize, newDigest);
    }
}
