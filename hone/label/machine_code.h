#pragma once

#include <string>
#include <vector>

#include "hone/label/backend.h"

namespace llvm {
class LLVMTargetMachine;
class Module;
}  // namespace llvm

namespace hone::label {

/// Generates the code of `function` once more and looks at it instruction by instruction, block by block.
/// `counts`: how often each of its basic blocks runs, in their order. The module is used up. Fills what Facts
/// says of machine code; the rest stays as it is.
void examine_machine_code(llvm::LLVMTargetMachine& target, llvm::Module& module, const std::string& function,
                          const std::vector<std::uint64_t>& counts, Facts& facts);

}  // namespace hone::label
