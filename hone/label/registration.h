#pragma once

namespace mlir {
class DialectRegistry;
}

namespace hone::label {

/// Adds the dialects that an MLIR file may use here (affine, arith, func, linalg, math, memref, scf, tensor,
/// vector, and what they are lowered to) with what bufferisation and translation to LLVM need of them.
void register_dialects(mlir::DialectRegistry& registry);

/// Makes the compiler's passes known by name, so that a pipeline can be written as text. Once a process.
void register_passes();

}  // namespace hone::label
