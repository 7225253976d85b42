#include "hone/label/machine_code.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <llvm/CodeGen/AsmPrinter.h>
#include <llvm/CodeGen/MachineFunctionPass.h>
#include <llvm/CodeGen/MachineInstr.h>
#include <llvm/CodeGen/MachineModuleInfo.h>
#include <llvm/CodeGen/TargetInstrInfo.h>
#include <llvm/CodeGen/TargetPassConfig.h>
#include <llvm/CodeGen/TargetSubtargetInfo.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/MC/MCInst.h>
#include <llvm/MC/MCInstrAnalysis.h>
#include <llvm/MC/MCInstrInfo.h>
#include <llvm/MC/MCRegisterInfo.h>
#include <llvm/MC/MCStreamer.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/MCA/Context.h>
#include <llvm/MCA/CustomBehaviour.h>
#include <llvm/MCA/InstrBuilder.h>
#include <llvm/MCA/Pipeline.h>
#include <llvm/MCA/SourceMgr.h>
#include <llvm/Target/TargetLoweringObjectFile.h>
#include <llvm/Target/TargetMachine.h>

#include "hone/base/error.h"

namespace hone::label {

namespace {

struct Block {
  double count = 0.0;
  const llvm::MCSymbol* label = nullptr;
  std::vector<llvm::MCInst> code;
};

/// What the final machine function is, block by block, just before it is written.
struct Survey {
  std::string function;
  const std::vector<std::uint64_t>* counts = nullptr;
  Facts* facts = nullptr;
  std::vector<Block> blocks;
};

constexpr double kCallCycles = 20.0;

bool has(llvm::StringRef name, std::initializer_list<const char*> parts) {
  return std::any_of(parts.begin(), parts.end(), [&](const char* part) { return name.contains(part); });
}

/// Looks at machine instructions; they know more (spill slots, registers) than what is written of them.
class SurveyPass : public llvm::MachineFunctionPass {
 public:
  static char ID;
  explicit SurveyPass(Survey& survey) : MachineFunctionPass(ID), survey_(survey) {}

  bool runOnMachineFunction(llvm::MachineFunction& function) override {
    if (function.getName() != survey_.function) return false;
    names_ = function.getSubtarget().getInstrInfo();
    registers_ = function.getSubtarget().getRegisterInfo();
    const std::vector<double> counts = block_counts(function);
    for (llvm::MachineBasicBlock& block : function) {
      const double count = counts[static_cast<std::size_t>(block.getNumber())];
      block.setLabelMustBeEmitted();
      survey_.blocks.push_back({count, block.getSymbol(), {}});
      for (const llvm::MachineInstr& instruction : block) look_at(instruction, count);
    }
    for (const llvm::MCRegister used : used_) {
      const llvm::StringRef name = registers_->getName(used);
      const bool vector = has(name, {"MM"});
      ++(vector ? survey_.facts->vector_registers : survey_.facts->general_registers);
    }
    return false;
  }

 private:
  /// Blocks of the optimised function have names "bN" with N their number; those of the code generator
  /// others.
  std::vector<double> block_counts(llvm::MachineFunction& function) const {
    function.RenumberBlocks();
    std::vector<double> counts(function.getNumBlockIDs(), -1.0);
    for (const llvm::MachineBasicBlock& block : function) {
      if (block.getBasicBlock() == nullptr) continue;
      llvm::StringRef name = block.getBasicBlock()->getName();
      std::size_t number = 0;
      if (!name.consume_front("b") || name.getAsInteger(10, number) || number >= survey_.counts->size())
        continue;
      counts[static_cast<std::size_t>(block.getNumber())] = static_cast<double>((*survey_.counts)[number]);
    }
    // A new block lies between others: it runs as often as what leads only to it, at most as often as any.
    for (int round = 0; round < 3; ++round)
      for (const llvm::MachineBasicBlock& block : function) {
        double& count = counts[static_cast<std::size_t>(block.getNumber())];
        if (count >= 0.0) continue;
        double before = 0.0, after = 0.0;
        bool known = true;
        for (const auto* other : block.predecessors()) {
          const double there = counts[static_cast<std::size_t>(other->getNumber())];
          known = known && there >= 0.0;
          before += std::max(there, 0.0);
        }
        for (const auto* other : block.successors())
          after += std::max(counts[static_cast<std::size_t>(other->getNumber())], 0.0);
        if (known) count = block.succ_empty() ? before : std::min(before, after);
      }
    for (double& count : counts) count = std::max(count, 0.0);
    return counts;
  }

  void look_at(const llvm::MachineInstr& instruction, double count) {
    if (instruction.isMetaInstruction()) return;
    Facts& facts = *survey_.facts;
    ++facts.code_instructions;
    facts.instructions += count;
    if (instruction.mayLoad()) facts.load += count;
    if (instruction.mayStore()) facts.store += count;
    bool wide = false;
    for (const llvm::MachineOperand& operand : instruction.operands()) {
      if (!operand.isReg() || !operand.getReg().isPhysical() || operand.isImplicit()) continue;
      llvm::MCRegister whole = operand.getReg().asMCReg();
      for (const llvm::MCPhysReg larger : registers_->superregs(whole)) whole = larger;
      const llvm::StringRef name = registers_->getName(whole);
      wide = wide || has(name, {"MM"});
      if (!has(name, {"IP", "FLAGS", "MXCSR", "SSP", "FPCW", "FPSW"})) used_.insert(whole);
    }
    const llvm::StringRef name = names_->getName(instruction.getOpcode());
    const bool scalar = has(
        name, {"SSr", "SSm", "SDr", "SDm", "SSZr", "SSZm", "SDZr", "SDZm", "SI2S", "SS2S", "SD2S", "SH2S"});
    if (instruction.isCall() || instruction.isBranch() || instruction.isReturn())
      facts.branch += count;
    else if (wide && scalar)
      facts.scalar_float += count;
    else if (wide)
      facts.vector += count;
    else if (!instruction.mayLoadOrStore())
      facts.integer += count;
    const auto slot = [&](const std::optional<llvm::LocationSize>& size) { return size && size->hasValue(); };
    if (slot(instruction.getSpillSize(names_)) || slot(instruction.getFoldedSpillSize(names_)) ||
        slot(instruction.getRestoreSize(names_)) || slot(instruction.getFoldedRestoreSize(names_))) {
      ++facts.spills;
      facts.spills_executed += count;
    }
  }

  Survey& survey_;
  const llvm::TargetInstrInfo* names_ = nullptr;
  const llvm::TargetRegisterInfo* registers_ = nullptr;
  std::set<llvm::MCRegister> used_;
};

char SurveyPass::ID = 0;

/// Takes the instructions as they would be encoded, each with the block whose label came last.
class Collector : public llvm::MCStreamer {
 public:
  Collector(llvm::MCContext& context, Survey& survey) : MCStreamer(context), survey_(survey) {}

  void emitLabel(llvm::MCSymbol* symbol, llvm::SMLoc place = llvm::SMLoc()) override {
    MCStreamer::emitLabel(symbol, place);
    if (symbol->getName() == survey_.function) {
      block_ = 0;
      return;
    }
    for (std::size_t i = 0; i < survey_.blocks.size(); ++i)
      if (survey_.blocks[i].label == symbol) {
        block_ = i;
        return;
      }
    if (!symbol->isTemporary()) block_ = kNone;  // another function
  }
  void emitInstruction(const llvm::MCInst& instruction, const llvm::MCSubtargetInfo&) override {
    if (block_ < survey_.blocks.size()) survey_.blocks[block_].code.push_back(instruction);
  }
  bool emitSymbolAttribute(llvm::MCSymbol*, llvm::MCSymbolAttr) override { return true; }
  void emitCommonSymbol(llvm::MCSymbol*, std::uint64_t, llvm::Align) override {}
  void emitZerofill(llvm::MCSection*, llvm::MCSymbol*, std::uint64_t, llvm::Align, llvm::SMLoc) override {}

 private:
  static constexpr std::size_t kNone = ~std::size_t{0};
  Survey& survey_;
  std::size_t block_ = kNone;
};

/// Cycles of one run of a block, among runs of the same block, as the analyser's out-of-order pipeline has
/// it.
double block_cycles(const llvm::LLVMTargetMachine& target, const std::vector<llvm::MCInst>& code,
                    bool repeated) {
  const auto& machine = *target.getMCSubtargetInfo();
  const auto& names = *target.getMCInstrInfo();
  const auto& registers = *target.getMCRegisterInfo();
  const std::unique_ptr<llvm::MCInstrAnalysis> analysis(target.getTarget().createMCInstrAnalysis(&names));
  llvm::mca::InstrumentManager instruments(machine, names);
  llvm::mca::InstrBuilder builder(machine, names, registers, analysis.get(), instruments, 100);
  std::vector<std::unique_ptr<llvm::mca::Instruction>> sequence;
  double calls = 0.0;
  for (const llvm::MCInst& instruction : code) {
    // The analyser does not follow calls: a call of the mathematical library takes about so long.
    const llvm::MCInstrDesc& description = names.get(instruction.getOpcode());
    if (description.isCall()) calls += kCallCycles;
    if (description.isCall() || description.isReturn()) continue;
    auto made = builder.createInstruction(instruction, {});
    if (made) {
      sequence.push_back(std::move(*made));
    } else {
      llvm::consumeError(made.takeError());  // one that the analyser does not model
    }
  }
  if (sequence.empty()) return calls;
  const unsigned iterations =
      repeated ? std::clamp<unsigned>(static_cast<unsigned>(1500 / sequence.size()), 4, 100) : 1;
  llvm::mca::CircularSourceMgr source(sequence, iterations);
  llvm::mca::CustomBehaviour behaviour(machine, source, names);
  const llvm::mca::PipelineOptions options(0, 0, 0, 0, 0, 0, true);
  llvm::mca::Context context(registers, machine);
  const auto pipeline = context.createDefaultPipeline(options, source, behaviour);
  auto cycles = pipeline->run();
  if (!cycles) {
    llvm::consumeError(cycles.takeError());
    return 0.0;
  }
  return calls + static_cast<double>(*cycles) / iterations;
}

}  // namespace

void examine_machine_code(llvm::LLVMTargetMachine& target, llvm::Module& module, const std::string& function,
                          const std::vector<std::uint64_t>& counts, Facts& facts) {
  std::size_t number = 0;
  for (llvm::BasicBlock& block : *module.getFunction(function)) block.setName(fmt::format("b{}", number++));

  Survey survey{function, &counts, &facts, {}};
  llvm::legacy::PassManager passes;
  auto* info = new llvm::MachineModuleInfoWrapperPass(&target);
  auto* configuration = target.createPassConfig(passes);
  passes.add(configuration);
  passes.add(info);
  if (configuration->addISelPasses()) throw internal_error("this target cannot select instructions");
  configuration->addMachinePasses();
  configuration->setInitialized();
  target.getObjFileLowering()->Initialize(info->getMMI().getContext(), target);
  passes.add(new SurveyPass(survey));
  auto* printer = target.getTarget().createAsmPrinter(
      target, std::make_unique<Collector>(info->getMMI().getContext(), survey));
  if (printer == nullptr) throw internal_error("this target cannot write instructions");
  passes.add(printer);
  passes.run(module);

  // Blocks that hardly run are not worth simulating.
  double most = 0.0;
  for (const Block& block : survey.blocks)
    most = std::max(most, block.count * static_cast<double>(block.code.size()));
  for (const Block& block : survey.blocks) {
    if (block.code.empty() || block.count * static_cast<double>(block.code.size()) < 1e-4 * most) continue;
    facts.mca_cycles += block.count * block_cycles(target, block.code, block.count > 1.0);
  }
}

}  // namespace hone::label
