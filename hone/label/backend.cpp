#include "hone/label/backend.h"

#include <algorithm>
#include <mutex>

#include <fmt/format.h>
#include <llvm/Analysis/TargetTransformInfo.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/MC/MCInstrInfo.h>
#include <llvm/MC/MCSchedule.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/SmallVectorMemoryBuffer.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/TargetParser/Host.h>
#include <llvm/Transforms/Utils/Cloning.h>
#include <mlir/ExecutionEngine/CRunnerUtils.h>

#include "hone/base/error.h"
#include "hone/label/machine_code.h"

namespace hone::label {

namespace {

constexpr const char* kCounters = "hone_counters";

template <typename T>
T need(llvm::Expected<T> value) {
  if (value) return std::move(*value);
  throw internal_error("LLVM: " + llvm::toString(value.takeError()));
}

void need(llvm::Error error) {
  if (error) throw internal_error("LLVM: " + llvm::toString(std::move(error)));
}

std::unique_ptr<llvm::MemoryBuffer> object_of(llvm::TargetMachine& target, llvm::Module& module) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  if (target.addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::ObjectFile))
    throw internal_error("this target cannot emit object files");
  passes.run(module);
  return std::make_unique<llvm::SmallVectorMemoryBuffer>(std::move(bytes), false);
}

/// An object file linked into this process.
struct Linked {
  std::unique_ptr<llvm::orc::LLJIT> jit;

  explicit Linked(std::unique_ptr<llvm::MemoryBuffer> object) {
    jit = need(llvm::orc::LLJITBuilder().create());
    // What MLIR lowers copies between buffers of unlike strides to.
    need(jit->getMainJITDylib().define(
        llvm::orc::absoluteSymbols({{jit->mangleAndIntern("memrefCopy"),
                                     {llvm::orc::ExecutorAddr::fromPtr(&memrefCopy),
                                      llvm::JITSymbolFlags::Exported | llvm::JITSymbolFlags::Callable}}})));
    need(jit->addObjectFile(std::move(object)));
  }
  template <typename T>
  T* symbol(const char* name) const {
    return need(jit->lookup(name)).toPtr<T*>();
  }
};

using Entry = void(void* const*);

/// One operation's arithmetic, in lanes: on floating point or on i32 (addresses are i64).
void count_operation(const llvm::Instruction& instruction, double count, Facts& facts) {
  const auto lanes = [](const llvm::Type* type) {
    const auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(type);
    return vector != nullptr ? static_cast<double>(vector->getNumElements()) : 1.0;
  };
  const llvm::DataLayout& layout = instruction.getModule()->getDataLayout();
  if (const auto* load = llvm::dyn_cast<llvm::LoadInst>(&instruction)) {
    facts.bytes_loaded +=
        count * static_cast<double>(layout.getTypeStoreSize(load->getType()).getFixedValue());
    return;
  }
  if (const auto* store = llvm::dyn_cast<llvm::StoreInst>(&instruction)) {
    facts.bytes_stored +=
        count *
        static_cast<double>(layout.getTypeStoreSize(store->getValueOperand()->getType()).getFixedValue());
    return;
  }
  const llvm::Type* type = instruction.getType();
  if (const auto* call = llvm::dyn_cast<llvm::CallBase>(&instruction)) {
    const auto bytes_of = [&](unsigned argument) {
      return count * static_cast<double>(
                         layout.getTypeStoreSize(call->getArgOperand(argument)->getType()).getFixedValue());
    };
    switch (call->getIntrinsicID()) {
      case llvm::Intrinsic::masked_store:
      case llvm::Intrinsic::masked_scatter:
        facts.bytes_stored += bytes_of(0);
        return;
      case llvm::Intrinsic::memcpy:
      case llvm::Intrinsic::memmove:
      case llvm::Intrinsic::memset:
        if (const auto* length = llvm::dyn_cast<llvm::ConstantInt>(call->getArgOperand(2))) {
          const double bytes = count * static_cast<double>(length->getZExtValue());
          facts.bytes_stored += bytes;
          if (call->getIntrinsicID() != llvm::Intrinsic::memset) facts.bytes_loaded += bytes;
        }
        return;
      default:
        break;
    }
    if (!type->isFPOrFPVectorTy() && !call->getType()->isVectorTy()) return;
    switch (call->getIntrinsicID()) {
      case llvm::Intrinsic::fmuladd:
      case llvm::Intrinsic::fma:
        facts.float_operations += 2.0 * count * lanes(type);
        return;
      case llvm::Intrinsic::masked_load:
      case llvm::Intrinsic::masked_gather:
        facts.bytes_loaded +=
            count * static_cast<double>(layout.getTypeStoreSize(call->getType()).getFixedValue());
        return;
      case llvm::Intrinsic::vector_reduce_fadd:
      case llvm::Intrinsic::vector_reduce_fmul:
        facts.float_operations += count * lanes(call->getArgOperand(1)->getType());
        return;
      default:
        if (type->isFPOrFPVectorTy()) facts.float_operations += count * lanes(type);
        return;
    }
  }
  if (llvm::isa<llvm::BinaryOperator>(instruction) || llvm::isa<llvm::UnaryOperator>(instruction)) {
    if (type->isFPOrFPVectorTy()) facts.float_operations += count * lanes(type);
    if (type->getScalarType()->isIntegerTy(32)) facts.integer_operations += count * lanes(type);
  } else if (llvm::isa<llvm::FCmpInst>(instruction)) {
    facts.float_operations += count * lanes(type);
  }
}

void add_counters(llvm::Module& module, llvm::Function& function) {
  llvm::LLVMContext& context = module.getContext();
  auto* word = llvm::Type::getInt64Ty(context);
  auto* array = llvm::ArrayType::get(word, function.size());
  auto* counters = new llvm::GlobalVariable(module, array, false, llvm::GlobalValue::ExternalLinkage,
                                            llvm::Constant::getNullValue(array), kCounters);
  std::uint64_t number = 0;
  for (llvm::BasicBlock& block : function) {
    llvm::IRBuilder<> builder(&block, block.getFirstInsertionPt());
    llvm::Value* place = builder.CreateConstInBoundsGEP2_64(array, counters, 0, number++);
    builder.CreateStore(builder.CreateAdd(builder.CreateLoad(word, place), builder.getInt64(1)), place);
  }
}

}  // namespace

struct Program::Implementation {
  std::vector<Argument> arguments;
  std::string function;
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module;  ///< optimised
  std::string object;                    ///< the object file that was linked
  std::unique_ptr<Linked> linked;
  Entry* entry = nullptr;
  llvm::LLVMTargetMachine* target = nullptr;

  ~Implementation() { module.reset(); }
};

Program::Program(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}
Program::~Program() = default;

const std::vector<Argument>& Program::arguments() const { return implementation_->arguments; }
void Program::call(void* const* memory) const { implementation_->entry(memory); }

std::string Program::llvm_text() const {
  std::string text;
  llvm::raw_string_ostream stream(text);
  implementation_->module->print(stream, nullptr);
  return stream.str();
}

bool Program::same_code(const Program& other) const {
  return implementation_->object == other.implementation_->object;
}

Facts Program::analyse(void* const* memory) const {
  const llvm::Function& function = *implementation_->module->getFunction(implementation_->function);
  std::vector<std::uint64_t> counts(function.size());
  {
    auto counting = llvm::CloneModule(*implementation_->module);
    add_counters(*counting, *counting->getFunction(implementation_->function));
    implementation_->target->setOptLevel(llvm::CodeGenOptLevel::Less);
    const Linked linked(object_of(*implementation_->target, *counting));
    implementation_->target->setOptLevel(llvm::CodeGenOptLevel::Aggressive);
    linked.symbol<Entry>(kEntry)(memory);
    const auto* counters = linked.symbol<std::uint64_t>(kCounters);
    counts.assign(counters, counters + counts.size());
  }
  Facts facts;
  std::size_t number = 0;
  for (const llvm::BasicBlock& block : function) {
    const auto count = static_cast<double>(counts[number++]);
    for (const llvm::Instruction& instruction : block) count_operation(instruction, count, facts);
  }
  auto copy = llvm::CloneModule(*implementation_->module);
  examine_machine_code(*implementation_->target, *copy, implementation_->function, counts, facts);
  return facts;
}

struct Backend::Implementation {
  std::string cpu, features;
  std::unique_ptr<llvm::TargetMachine> target;

  Implementation() {
    static std::once_flag once;
    std::call_once(once, [] {
      llvm::InitializeNativeTarget();
      llvm::InitializeNativeTargetAsmPrinter();
      llvm::InitializeNativeTargetAsmParser();
    });
    cpu = llvm::sys::getHostCPUName().str();
    for (const auto& feature : llvm::sys::getHostCPUFeatures())
      features += fmt::format("{}{}{}", features.empty() ? "" : ",", feature.second ? '+' : '-',
                              feature.first().str());
    const std::string triple = llvm::sys::getProcessTriple();
    std::string said;
    const llvm::Target* found = llvm::TargetRegistry::lookupTarget(triple, said);
    if (found == nullptr) throw environment_error("LLVM does not know this machine: " + said);
    target.reset(found->createTargetMachine(triple, cpu, features, llvm::TargetOptions(), llvm::Reloc::PIC_,
                                            std::nullopt, llvm::CodeGenOptLevel::Aggressive, true));
    if (target == nullptr) throw environment_error("LLVM cannot generate code for this machine");
  }

  void optimise(llvm::Module& module) const {
    module.setTargetTriple(target->getTargetTriple().str());
    module.setDataLayout(target->createDataLayout());
    for (llvm::Function& function : module) {
      if (function.isDeclaration()) continue;
      function.addFnAttr("target-cpu", cpu);
      function.addFnAttr("target-features", features);
    }
    llvm::LoopAnalysisManager loops;
    llvm::FunctionAnalysisManager functions;
    llvm::CGSCCAnalysisManager components;
    llvm::ModuleAnalysisManager modules;
    // LLVM's library leaves this out unless asked; clang -O3 and opt -O3 ask for it.
    llvm::PipelineTuningOptions tuning;
    tuning.SLPVectorization = true;
    llvm::PassBuilder builder(target.get(), tuning);
    builder.registerModuleAnalyses(modules);
    builder.registerCGSCCAnalyses(components);
    builder.registerFunctionAnalyses(functions);
    builder.registerLoopAnalyses(loops);
    builder.crossRegisterProxies(loops, functions, components, modules);
    builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3).run(module, modules);
  }

  std::unique_ptr<Program::Implementation> finish(Lowered lowered) const {
    optimise(*lowered.module);
    auto made = std::make_unique<Program::Implementation>();
    made->arguments = std::move(lowered.arguments);
    made->function = lowered.function;
    made->target = static_cast<llvm::LLVMTargetMachine*>(target.get());
    auto copy = llvm::CloneModule(*lowered.module);
    auto object = object_of(*target, *copy);
    made->object = object->getBuffer().str();
    made->linked = std::make_unique<Linked>(std::move(object));
    made->entry = made->linked->symbol<Entry>(kEntry);
    made->context = std::move(lowered.context);
    made->module = std::move(lowered.module);
    return made;
  }
};

Backend::Backend() : implementation_(std::make_unique<Implementation>()) {}
Backend::~Backend() = default;

const std::string& Backend::cpu() const { return implementation_->cpu; }

std::unique_ptr<Program> Backend::compile(Lowered lowered) const {
  return std::unique_ptr<Program>(new Program(implementation_->finish(std::move(lowered))));
}

std::unique_ptr<Program> Backend::compile_llvm(const std::string& text) const {
  Lowered lowered;
  lowered.context = std::make_unique<llvm::LLVMContext>();
  llvm::SMDiagnostic said;
  lowered.module = llvm::parseAssemblyString(text, said, *lowered.context);
  if (!lowered.module) throw internal_error("LLVM text: " + said.getMessage().str());
  lowered.function = kEntry;
  return compile(std::move(lowered));
}

int Backend::vector_bytes() const {
  const std::string& features = implementation_->features;
  if (features.find("+avx512f") != std::string::npos) return 64;
  return features.find("+avx") != std::string::npos ? 32 : 16;
}

cost::mlir::CodeTarget Backend::code_target() const {
  llvm::LLVMContext context;
  llvm::Module module("asked", context);
  module.setDataLayout(implementation_->target->createDataLayout());
  auto* function = llvm::Function::Create(llvm::FunctionType::get(llvm::Type::getVoidTy(context), false),
                                          llvm::Function::ExternalLinkage, "asked", module);
  function->addFnAttr("target-cpu", implementation_->cpu);
  function->addFnAttr("target-features", implementation_->features);
  const llvm::TargetTransformInfo costs = implementation_->target->getTargetTransformInfo(*function);
  cost::mlir::CodeTarget target;
  const auto bits = costs.getRegisterBitWidth(llvm::TargetTransformInfo::RGK_FixedWidthVector);
  target.vector_bytes = static_cast<double>(bits.getFixedValue()) / 8.0;
  target.vector_registers = costs.getNumberOfRegisters(costs.getRegisterClassForType(true));
  const llvm::MCSubtargetInfo& processor = *implementation_->target->getMCSubtargetInfo();
  const llvm::MCSchedModel& tables = processor.getSchedModel();
  target.unrolled_ops = tables.LoopMicroOpBufferSize;
  if (!target.masks() && tables.hasInstrSchedModel()) {
    const llvm::MCInstrInfo& instructions = *implementation_->target->getMCInstrInfo();
    for (unsigned i = 0; i < instructions.getNumOpcodes(); ++i) {
      if (instructions.getName(i) != "VMASKMOVPSYmr") continue;
      const llvm::MCSchedClassDesc& costs_of = *tables.getSchedClassDesc(instructions.get(i).getSchedClass());
      if (costs_of.isValid() && !costs_of.isVariant())
        target.masked_store_cycles =
            std::max(1.0, llvm::MCSchedModel::getReciprocalThroughput(processor, costs_of));
      break;
    }
  }
  return target;
}

}  // namespace hone::label
