#include "hone/label/frontend.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <llvm/ADT/DenseSet.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/SourceMgr.h>
#include <mlir/Dialect/Affine/IR/AffineOps.h>
#include <mlir/Dialect/Func/IR/FuncOps.h>
#include <mlir/Dialect/MemRef/IR/MemRef.h>
#include <mlir/IR/BuiltinOps.h>
#include <mlir/IR/Diagnostics.h>
#include <mlir/IR/MLIRContext.h>
#include <mlir/Parser/Parser.h>
#include <mlir/Pass/PassManager.h>
#include <mlir/Pass/PassRegistry.h>
#include <mlir/Target/LLVMIR/Export.h>

#include "hone/base/error.h"
#include "hone/cost/mlir/text.h"
#include "hone/label/extents.h"
#include "hone/label/registration.h"

namespace hone::label {

namespace {

// Linalg on tensors to linalg on buffers.
constexpr const char* kToBuffers =
    "func.func(linalg-generalize-named-ops),linalg-fuse-elementwise-ops,"
    "one-shot-bufferize{bufferize-function-boundaries=1 "
    "function-boundary-type-conversion=identity-layout-map}";

// Results become arguments, by a copy or written in place.
constexpr const char* kCopyResults = "buffer-results-to-out-params";
constexpr const char* kPlaceResults = "buffer-results-to-out-params{hoist-static-allocs=1}";

// Linalg on buffers to affine loops, with what was allocated freed again.
constexpr const char* kToLoops =
    "func.func(convert-linalg-to-affine-loops),canonicalize,cse,buffer-deallocation-pipeline,canonicalize";

// Affine loops, and what else may stand among them, to LLVM.
constexpr const char* kToLlvm =
    "func.func(convert-linalg-to-affine-loops),func.func(convert-vector-to-scf),lower-affine,convert-scf-to-"
    "cf,"
    "canonicalize,cse,expand-strided-metadata,lower-affine,func.func(convert-math-to-llvm),convert-math-to-"
    "libm,"
    "convert-vector-to-llvm,finalize-memref-to-llvm,convert-arith-to-llvm,convert-index-to-llvm,"
    "convert-cf-to-llvm,convert-func-to-llvm{use-bare-ptr-memref-call-conv=1},reconcile-unrealized-casts";

Element element_of(mlir::Type type, const std::string& file) {
  if (type.isF32()) return Element::f32;
  if (type.isF64()) return Element::f64;
  if (type.isInteger(32)) return Element::i32;
  if (type.isInteger(64) || type.isIndex()) return Element::i64;
  std::string name;
  llvm::raw_string_ostream(name) << type;
  throw Error(fmt::format("a function cannot take elements of type {} here", name), Place{file, 0, ""},
              "use f32, f64, i32 or i64");
}

Argument argument_of(mlir::Type type, const std::string& file) {
  Argument argument;
  if (const auto buffer = mlir::dyn_cast<mlir::MemRefType>(type)) {
    if (!buffer.hasStaticShape() || !buffer.getLayout().isIdentity())
      throw Error("an argument has a dynamic shape or a layout of its own", Place{file, 0, ""},
                  "give every argument a fixed shape, like memref<64x32xf32>");
    argument.element = element_of(buffer.getElementType(), file);
    argument.shape.assign(buffer.getShape().begin(), buffer.getShape().end());
  } else {
    argument.element = element_of(type, file);
    argument.scalar = true;
  }
  return argument;
}

llvm::Type* llvm_type(Element element, llvm::LLVMContext& context) {
  switch (element) {
    case Element::f32:
      return llvm::Type::getFloatTy(context);
    case Element::f64:
      return llvm::Type::getDoubleTy(context);
    case Element::i32:
      return llvm::Type::getInt32Ty(context);
    case Element::i64:
      return llvm::Type::getInt64Ty(context);
  }
  throw internal_error("no such element type");
}

/// void hone_entry(ptr arguments): loads the pointers and calls the kernel, which stays a function of its
/// own.
void add_entry(llvm::Module& module, const std::string& name, const std::vector<Argument>& arguments) {
  llvm::LLVMContext& context = module.getContext();
  llvm::Function* kernel = module.getFunction(name);
  if (kernel == nullptr) throw internal_error("the lowered module lost its function");
  kernel->addFnAttr(llvm::Attribute::NoInline);
  for (llvm::Argument& argument : kernel->args())
    if (argument.getType()->isPointerTy()) argument.addAttr(llvm::Attribute::NoAlias);

  auto* pointer = llvm::PointerType::getUnqual(context);
  auto* type = llvm::FunctionType::get(llvm::Type::getVoidTy(context), {pointer}, false);
  auto* entry = llvm::Function::Create(type, llvm::Function::ExternalLinkage, kEntry, module);
  llvm::IRBuilder<> builder(llvm::BasicBlock::Create(context, "", entry));
  std::vector<llvm::Value*> values;
  llvm::Value* result = nullptr;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    llvm::Value* place = builder.CreateConstInBoundsGEP1_64(pointer, entry->getArg(0), i);
    llvm::Value* value = builder.CreateLoad(pointer, place);
    if (arguments[i].result) {
      result = value;
      continue;
    }
    if (arguments[i].scalar) value = builder.CreateLoad(llvm_type(arguments[i].element, context), value);
    values.push_back(value);
  }
  llvm::Value* returned = builder.CreateCall(kernel, values);
  if (result != nullptr) builder.CreateStore(returned, result);
  builder.CreateRetVoid();
}

}  // namespace

std::size_t element_bytes(Element element) {
  return element == Element::f32 || element == Element::i32 ? 4 : 8;
}

std::int64_t Argument::elements() const {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) count *= extent;
  return count;
}

std::size_t Argument::bytes() const { return static_cast<std::size_t>(elements()) * element_bytes(element); }

Lowered::Lowered() = default;
Lowered::Lowered(Lowered&&) noexcept = default;
Lowered& Lowered::operator=(Lowered&& other) noexcept {
  module = std::move(other.module);  // before its context goes
  context = std::move(other.context);
  function = std::move(other.function);
  arguments = std::move(other.arguments);
  return *this;
}
Lowered::~Lowered() { module.reset(); }

struct Frontend::Implementation {
  mlir::DialectRegistry registry;
  std::unique_ptr<mlir::MLIRContext> context;

  Implementation() {
    register_passes();
    register_dialects(registry);
    context = std::make_unique<mlir::MLIRContext>(registry, mlir::MLIRContext::Threading::DISABLED);
    context->loadAllAvailableDialects();
  }

  /// Collects the first error that the compiler reports while it lives.
  struct Listener {
    std::string message, text;
    int line = 0, column = 0;
    mlir::ScopedDiagnosticHandler handler;
    explicit Listener(mlir::MLIRContext* context)
        : handler(context, [this](mlir::Diagnostic& diagnostic) {
            if (diagnostic.getSeverity() != mlir::DiagnosticSeverity::Error || !message.empty()) return;
            message = diagnostic.str();
            if (const auto place = diagnostic.getLocation()->findInstanceOf<mlir::FileLineColLoc>()) {
              line = static_cast<int>(place.getLine());
              column = static_cast<int>(place.getColumn());
            }
          }) {}
    Error error(const std::string& file, const std::string& otherwise) const {
      return Error(message.empty() ? otherwise : message,
                   Place{file.empty() ? "MLIR" : file, line, "", column});
    }
  };

  mlir::OwningOpRef<mlir::ModuleOp> parse(const std::string& text, const std::string& file) const {
    // The compiler's parser recurses without bound; what is nested too deep for it is an error of hone's own.
    (void)cost::mlir::parse(text, file.empty() ? "MLIR" : file);
    const Listener listener(context.get());
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, mlir::ParserConfig(context.get()), file);
    if (!module) throw listener.error(file, "this is no MLIR module");
    return module;
  }

  void run(mlir::ModuleOp module, const std::string& pipeline, const std::string& file) const {
    if (pipeline.empty()) return;
    const Listener listener(context.get());
    mlir::PassManager passes(context.get());
    std::string said;
    llvm::raw_string_ostream stream(said);
    if (mlir::failed(mlir::parsePassPipeline(pipeline, passes, stream)))
      throw Error(fmt::format("no such pipeline of passes '{}': {}", pipeline, stream.str()), {},
                  "write it as mlir-opt takes it");
    if (mlir::failed(passes.run(module))) throw listener.error(file, "a pass of the compiler failed");
  }

  static bool on_tensors(mlir::ModuleOp module) {
    bool found = false;
    module.walk([&](mlir::Operation* operation) {
      for (const mlir::Value result : operation->getResults())
        if (mlir::isa<mlir::TensorType>(result.getType())) found = true;
      for (const mlir::Value operand : operation->getOperands())
        if (mlir::isa<mlir::TensorType>(operand.getType())) found = true;
    });
    return found;
  }

  /// Whether every buffer that is returned is an allocation of its own, returned once: the compiler replaces
  /// no other by an argument.
  static bool returns_allocations(mlir::ModuleOp module) {
    bool all = true;
    llvm::DenseSet<mlir::Operation*> returned;
    module.walk([&](mlir::func::ReturnOp end) {
      for (const mlir::Value value : end.getOperands())
        if (mlir::isa<mlir::BaseMemRefType>(value.getType()))
          all = all && value.getDefiningOp<mlir::memref::AllocOp>() &&
                returned.insert(value.getDefiningOp()).second;
    });
    return all;
  }

  /// Tensors become buffers, linalg on them affine loops.
  void to_buffers(mlir::ModuleOp module, const std::string& file) const {
    if (!on_tensors(module)) return;
    run(module, kToBuffers, file);
    run(module, returns_allocations(module) ? kPlaceResults : kCopyResults, file);
    run(module, kToLoops, file);
  }

  /// Accesses to parts of buffers become accesses to the buffers, where the compiler can.
  void fold_views(mlir::OwningOpRef<mlir::ModuleOp>& module, const std::string& file) const {
    bool views = false;
    module->walk([&](mlir::ViewLikeOpInterface) { views = true; });
    if (!views) return;
    mlir::OwningOpRef<mlir::ModuleOp> folded = module->clone();
    try {
      run(*folded, "fold-memref-alias-ops,canonicalize", file);
    } catch (const Error&) {
      return;
    }
    module = std::move(folded);
  }

  static mlir::func::FuncOp function_of(mlir::ModuleOp module, const std::string& file) {
    mlir::func::FuncOp found;
    for (auto function : module.getOps<mlir::func::FuncOp>()) {
      if (function.isDeclaration()) continue;
      if (found)
        throw Error("the file holds more than one function", Place{file, 0, ""},
                    "keep one function in a file");
      found = function;
    }
    if (!found)
      throw Error("the file holds no function", Place{file, 0, ""}, "write one func.func with a body");
    return found;
  }

  /// Throws Error at a call of a function that is neither in the file nor in this process (as cosf is).
  static void need_callees(mlir::ModuleOp module, const std::string& file) {
    module.walk([&](mlir::func::CallOp call) {
      auto callee = module.lookupSymbol<mlir::func::FuncOp>(call.getCallee());
      if (!callee || !callee.isDeclaration() ||
          ::dlsym(RTLD_DEFAULT, call.getCallee().str().c_str()) != nullptr)
        return;
      Place place{file, 0, ""};
      if (const auto at = call.getLoc()->findInstanceOf<mlir::FileLineColLoc>()) {
        place.line = static_cast<int>(at.getLine());
        place.column = static_cast<int>(at.getColumn());
      }
      throw Error(fmt::format("function '{}' is called and has no body", call.getCallee().str()), place,
                  "write its operations where it is called: one function is all that a file holds");
    });
  }

  static std::string print(mlir::ModuleOp module) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    module.print(stream);
    stream << "\n";
    return stream.str();
  }
};

Frontend::Frontend() : implementation_(std::make_unique<Implementation>()) {}
Frontend::~Frontend() = default;

mlir::MLIRContext& Frontend::context() const { return *implementation_->context; }

std::string Frontend::transform(const std::string& text, const std::string& pipeline,
                                const std::string& file) const {
  auto module = implementation_->parse(text, file);
  implementation_->run(*module, pipeline, file);
  return Implementation::print(*module);
}

std::string Frontend::to_affine(const std::string& text, const std::string& file) const {
  auto module = implementation_->parse(text, file);
  implementation_->to_buffers(*module, file);
  implementation_->run(*module, "func.func(convert-linalg-to-affine-loops)", file);
  implementation_->fold_views(module, file);
  return Implementation::print(*module);
}

Lowered Frontend::lower(const std::string& text, const std::string& file) const {
  auto module = implementation_->parse(text, file);
  implementation_->to_buffers(*module, file);
  auto function = Implementation::function_of(*module, file);
  Implementation::need_callees(*module, file);
  Lowered lowered;
  lowered.function = function.getName().str();
  for (const mlir::Value value : function.getArguments()) {
    lowered.arguments.push_back(argument_of(value.getType(), file));
    if (value.getType().isIndex()) lowered.arguments.back().extent = extent_of(value);
  }
  for (const mlir::Type type : function.getResultTypes()) {
    Argument result = argument_of(type, file);
    if (!result.scalar || function.getNumResults() > 1)
      throw Error("a function may return at most one scalar here", Place{file, 0, ""},
                  "write results into memref arguments");
    result.result = true;
    lowered.arguments.push_back(result);
  }
  function.setPublic();
  implementation_->run(*module, kToLlvm, file);

  lowered.context = std::make_unique<llvm::LLVMContext>();
  const Implementation::Listener listener(implementation_->context.get());
  lowered.module = mlir::translateModuleToLLVMIR(*module, *lowered.context, "hone");
  if (!lowered.module) throw listener.error(file, "the compiler cannot lower this to LLVM");
  add_entry(*lowered.module, lowered.function, lowered.arguments);
  return lowered;
}

std::string compiler_version() { return "LLVM " LLVM_VERSION_STRING; }

}  // namespace hone::label
