#include "hone/cost/mlir/opcode.h"

#include <algorithm>
#include <array>
#include <unordered_map>

namespace hone::cost::mlir {
namespace {

/// Whole names of dialects that are known.
const std::unordered_map<std::string_view, Work>& table() {
  static const std::unordered_map<std::string_view, Work> names = [] {
    std::unordered_map<std::string_view, Work> map;
    const auto put = [&](Work work, std::initializer_list<std::string_view> list) {
      for (const std::string_view name : list) map.emplace(name, work);
    };
    put(Work::add, {"arith.addf", "arith.subf", "arith.negf", "math.absf", "complex.add", "complex.sub",
                    "llvm.fadd", "llvm.fsub", "llvm.fneg", "math.copysign"});
    put(Work::multiply, {"arith.mulf", "complex.mul", "llvm.fmul"});
    put(Work::fma, {"math.fma", "vector.fma", "llvm.intr.fmuladd", "llvm.intr.fma"});
    put(Work::divide, {"arith.divf", "complex.div", "llvm.fdiv"});
    put(Work::transcendental, {"arith.remf", "llvm.frem"});
    put(Work::root, {"math.sqrt", "math.rsqrt", "llvm.intr.sqrt", "complex.abs"});
    put(Work::compare, {"arith.maximumf", "arith.minimumf", "arith.maxnumf", "arith.minnumf", "arith.maxf",
                        "arith.minf", "arith.cmpf", "arith.select", "llvm.fcmp", "llvm.select", "math.floor",
                        "math.ceil", "math.round", "math.roundeven", "math.trunc", "llvm.intr.maximum",
                        "llvm.intr.minimum", "llvm.intr.maxnum", "llvm.intr.minnum"});
    put(Work::convert,
        {"arith.sitofp", "arith.uitofp", "arith.fptosi", "arith.fptoui", "arith.extf", "arith.truncf",
         "llvm.sitofp", "llvm.uitofp", "llvm.fptosi", "llvm.fptoui", "llvm.fpext", "llvm.fptrunc"});
    put(Work::integer, {"arith.addi",       "arith.subi",         "arith.andi",   "arith.ori",
                        "arith.xori",       "arith.shli",         "arith.shrsi",  "arith.shrui",
                        "arith.cmpi",       "arith.maxsi",        "arith.maxui",  "arith.minsi",
                        "arith.minui",      "arith.extsi",        "arith.extui",  "arith.trunci",
                        "arith.index_cast", "arith.index_castui", "math.absi",    "math.ctpop",
                        "math.ctlz",        "math.cttz",          "index.add",    "index.sub",
                        "index.cmp",        "index.casts",        "index.castu",  "index.maxs",
                        "index.mins",       "llvm.add",           "llvm.sub",     "llvm.and",
                        "llvm.or",          "llvm.xor",           "llvm.shl",     "llvm.lshr",
                        "llvm.ashr",        "llvm.icmp",          "llvm.zext",    "llvm.sext",
                        "llvm.trunc",       "llvm.getelementptr", "affine.apply", "affine.min",
                        "affine.max",       "memref.dim",         "tensor.dim"});
    put(Work::integer_multiply,
        {"arith.muli", "index.mul", "llvm.mul", "arith.mulsi_extended", "arith.mului_extended"});
    put(Work::integer_divide,
        {"arith.divsi", "arith.divui", "arith.remsi", "arith.remui", "arith.ceildivsi", "arith.ceildivui",
         "arith.floordivsi", "index.divs", "index.divu", "index.rems", "index.remu", "index.ceildivs",
         "index.floordivs", "llvm.sdiv", "llvm.udiv", "llvm.srem", "llvm.urem"});
    put(Work::load, {"affine.load", "affine.vector_load", "memref.load", "vector.load",
                     "vector.transfer_read", "vector.maskedload", "vector.gather", "vector.expandload",
                     "tensor.extract", "llvm.load", "llvm.intr.masked.load"});
    put(Work::store,
        {"affine.store", "affine.vector_store", "memref.store", "vector.store", "vector.transfer_write",
         "vector.maskedstore", "vector.scatter", "vector.compressstore", "tensor.insert", "llvm.store",
         "llvm.intr.masked.store", "memref.atomic_rmw", "memref.generic_atomic_rmw"});
    put(Work::copy, {"memref.copy", "tensor.pad", "tensor.concat", "tensor.insert_slice", "tensor.pack",
                     "tensor.unpack", "tensor.gather", "tensor.scatter", "bufferization.clone",
                     "tensor.splat", "linalg.copy", "linalg.transpose", "linalg.broadcast", "linalg.fill"});
    put(Work::contraction, {"vector.contract", "vector.outerproduct", "vector.matrix_multiply"});
    put(Work::reduction, {"vector.reduction", "vector.multi_reduction", "vector.scan"});
    put(Work::shuffle,
        {"vector.broadcast", "vector.extract", "vector.insert", "vector.shuffle", "vector.transpose",
         "vector.splat", "vector.extract_strided_slice", "vector.insert_strided_slice",
         "vector.extractelement", "vector.insertelement", "vector.interleave", "vector.deinterleave",
         "vector.create_mask", "vector.constant_mask", "llvm.shufflevector", "llvm.extractelement",
         "llvm.insertelement"});
    put(Work::control, {"affine.for",
                        "affine.parallel",
                        "affine.if",
                        "affine.yield",
                        "scf.for",
                        "scf.parallel",
                        "scf.forall",
                        "scf.if",
                        "scf.while",
                        "scf.forall.in_parallel",
                        "scf.yield",
                        "scf.condition",
                        "scf.reduce",
                        "scf.execute_region",
                        "scf.index_switch",
                        "cf.br",
                        "cf.cond_br",
                        "cf.switch",
                        "llvm.br",
                        "llvm.cond_br",
                        "llvm.switch",
                        "llvm.unreachable",
                        "func.return",
                        "llvm.return",
                        "linalg.yield",
                        "tensor.yield",
                        "memref.atomic_yield",
                        "cf.assert"});
    put(Work::control, {"memref.alloca_scope", "gpu.launch", "omp.parallel", "omp.wsloop", "omp.simd"});
    put(Work::call, {"func.call", "func.call_indirect", "llvm.call", "call"});
    put(Work::none, {"builtin.module",
                     "func.func",
                     "llvm.func",
                     "arith.constant",
                     "index.constant",
                     "tensor.empty",
                     "tensor.cast",
                     "tensor.expand_shape",
                     "tensor.collapse_shape",
                     "tensor.reshape",
                     "tensor.extract_slice",
                     "tensor.rank",
                     "memref.alloc",
                     "memref.alloca",
                     "memref.dealloc",
                     "memref.cast",
                     "memref.subview",
                     "memref.reinterpret_cast",
                     "memref.expand_shape",
                     "memref.collapse_shape",
                     "memref.get_global",
                     "memref.global",
                     "memref.view",
                     "memref.transpose",
                     "memref.extract_strided_metadata",
                     "memref.assume_alignment",
                     "bufferization.to_tensor",
                     "bufferization.to_memref",
                     "bufferization.alloc_tensor",
                     "vector.shape_cast",
                     "vector.bitcast",
                     "arith.bitcast",
                     "linalg.index",
                     "llvm.mlir.constant",
                     "llvm.mlir.undef",
                     "llvm.mlir.poison",
                     "llvm.mlir.zero",
                     "llvm.mlir.addressof",
                     "llvm.alloca",
                     "llvm.addrspacecast",
                     "llvm.freeze",
                     "llvm.intr.assume",
                     "llvm.intr.lifetime.start",
                     "llvm.intr.lifetime.end",
                     "llvm.intr.stacksave",
                     "llvm.intr.stackrestore",
                     "llvm.intr.prefetch",
                     "llvm.insertvalue",
                     "llvm.extractvalue",
                     "llvm.ptrtoint",
                     "llvm.inttoptr",
                     "llvm.bitcast",
                     "builtin.unrealized_conversion_cast",
                     "ub.poison",
                     "tensor.from_elements",
                     "tensor.generate",
                     "complex.create",
                     "complex.re",
                     "complex.im",
                     "affine.prefetch",
                     "memref.prefetch"});
    return map;
  }();
  return names;
}

bool holds(std::string_view name, std::initializer_list<std::string_view> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](std::string_view part) { return name.find(part) != std::string_view::npos; });
}

/// By what names usually mean. `name` without its dialect; words between dots and underscores count.
Work guess(std::string_view name) {
  const auto word = [&](std::initializer_list<std::string_view> words) {
    for (std::size_t i = 0; i < name.size();) {
      const std::size_t end = std::min(name.find_first_of("._", i), name.size());
      const std::string_view one = name.substr(i, end - i);
      if (std::find(words.begin(), words.end(), one) != words.end()) return true;
      i = end + 1;
    }
    return false;
  };
  if (holds(name, {"constant", "const", "ConstantOp", "literal", "ListConstruct", "bitcast", "return"}) ||
      word({"none", "func", "yield", "tuple"}))
    return Work::none;
  if (holds(name, {"pool", "reduce_window"})) return Work::pooling;
  if (holds(name, {"conv", "matmul", "dot", "einsum", "gemm", "linear", "fully_connected", "attention"}) &&
      !holds(name, {"convert"}))
    return Work::contraction;
  if (word({"mm", "bmm", "mv", "addmm", "baddbmm", "mmt4d"})) return Work::contraction;
  if (holds(name, {"softmax", "sigmoid", "tanh", "logistic", "exp", "log", "erf", "gelu", "silu", "pow",
                   "sin", "cos", "tan", "gamma"}) &&
      !holds(name, {"expand", "logical", "reshape"}))
    return Work::transcendental;
  if (holds(name, {"sqrt", "norm"})) return Work::root;
  if (holds(name, {"reduce", "argmax", "argmin", "cumsum"}) ||
      word({"sum", "mean", "prod", "var", "std", "amax", "amin"}))
    return Work::reduction;
  if (holds(name, {"reshape", "view", "squeeze", "flatten", "size", "shape", "dim", "detach", "contiguous",
                   "empty"}))
    return Work::none;
  if ((holds(name, {"transpose", "permute", "concat", "pad",  "gather", "scatter",   "slice", "broadcast",
                    "expand",    "tile",    "cat",    "copy", "select", "embedding", "iota",  "reverse",
                    "fill",      "zeros",   "ones",   "full", "stack",  "index"}) &&
       !holds(name, {"select_and"})) ||
      name == "aten.t")
    return name == "select" ? Work::compare : Work::copy;
  if (holds(name, {"div", "reciprocal", "remainder", "mod"})) return Work::divide;
  if (holds(name, {"mul"})) return Work::multiply;
  if (holds(name, {"fma"})) return Work::fma;
  if (holds(name, {"add", "sub", "neg", "abs"})) return Work::add;
  if (holds(name, {"max", "min", "clamp", "relu", "compare", "cmp", "select", "where", "greater", "less",
                   "equal", "floor", "ceil", "round", "sign"}) ||
      word({"not", "and", "or", "xor", "ori", "andi", "xori"}))
    return Work::compare;
  if (holds(name, {"convert", "cast", "quant", "NumToTensor"}) || word({"to"})) return Work::convert;
  if (holds(name, {"call"})) return Work::call;
  return Work::unknown;
}

}  // namespace

const char* work_name(Work work) {
  static constexpr std::array<const char*, kWorks> kNames = {
      "none",           "add",     "multiply", "fma",         "divide",           "root",
      "transcendental", "compare", "convert",  "integer",     "integer_multiply", "integer_divide",
      "load",           "store",   "copy",     "contraction", "reduction",        "pooling",
      "shuffle",        "control", "call",     "unknown"};
  return kNames[static_cast<std::size_t>(work)];
}

Work work_of(std::string_view operation) {
  const auto found = table().find(operation);
  if (found != table().end()) return found->second;
  const std::size_t dot = operation.find('.');
  const std::string_view dialect = operation.substr(0, dot);
  const std::string_view name = dot == std::string_view::npos ? operation : operation.substr(dot + 1);
  if (const std::string_view plain = plain_name(operation); plain != operation) return work_of(plain);
  if (dialect == "math") return Work::transcendental;
  if (dialect == "complex") return Work::transcendental;
  return guess(name);
}

bool known_by_name(std::string_view operation) { return table().contains(operation); }

double flops_of(Work work) {
  switch (work) {
    case Work::add:
    case Work::multiply:
    case Work::divide:
    case Work::root:
    case Work::transcendental:
    case Work::compare:
    case Work::reduction:
    case Work::pooling:
    case Work::unknown:
      return 1.0;
    case Work::fma:
    case Work::contraction:
      return 2.0;
    default:
      return 0.0;
  }
}

Choice choice_of(std::string_view operation, bool constant, bool zero) {
  const std::string_view name = operation.substr(operation.rfind('.') + 1);
  const bool greatest = name == "maximumf" || name == "maximum" || name == "maxf" || name == "max";
  if (greatest || name == "minimumf" || name == "minimum" || name == "minf" || name == "min")
    return !constant ? kExtremum : zero && greatest ? Choice{3.0, 3.0} : Choice{};
  if (name == "maxnumf" || name == "minnumf" || name == "maxnum" || name == "minnum")
    return constant ? Choice{} : Choice{3.0, 3.0};
  if (name == "round") return {4.0, 4.0};
  return {};
}

Called called_for(std::string_view operation, int bits) {
  struct Known {
    std::string_view name;
    Called single, both;  ///< of 32 bits, of 64
  };
  // log1p and expm1 are lowered to log(1 + x) and exp(x) - 1; tanh is short where it is nearly 1.
  static constexpr Known kKnown[] = {
      {"exp", {8.0, 42.0}, {11.0, 38.0}},
      {"exp2", {8.0, 40.0}, {10.0, 36.0}},
      {"log", {8.0, 45.0}, {12.0, 45.0}},
      {"log2", {8.0, 45.0}, {12.0, 45.0}},
      {"log10", {15.0, 60.0}, {18.0, 65.0}},
      {"log1p", {9.0, 49.0}, {13.0, 49.0}},
      {"expm1", {9.0, 46.0}, {12.0, 42.0}},
      {"sin", {9.0, 45.0}, {14.0, 45.0}},
      {"cos", {9.0, 45.0}, {14.0, 45.0}},
      {"tan", {32.0, 100.0}, {21.0, 80.0}},
      {"tanh", {22.0, 90.0}, {22.0, 90.0}},
      {"sigmoid", {12.0, 60.0}, {16.0, 60.0}},
      {"logistic", {12.0, 60.0}, {16.0, 60.0}},
      {"erf", {22.0, 85.0}, {24.0, 75.0}},
      {"atan", {15.0, 75.0}, {16.0, 75.0}},
      {"atan2", {33.0, 90.0}, {33.0, 90.0}},
      {"cbrt", {31.0, 95.0}, {33.0, 90.0}},
      {"powf", {16.0, 60.0}, {35.0, 75.0}},
      {"pow", {16.0, 60.0}, {35.0, 75.0}},
      {"power", {16.0, 60.0}, {35.0, 75.0}},
      {"exponential", {8.0, 42.0}, {11.0, 38.0}},
      {"sine", {9.0, 45.0}, {14.0, 45.0}},
      {"cosine", {9.0, 45.0}, {14.0, 45.0}},
      // fmod takes some bits of the quotient off at a time: 50 where it is small, 150 where it is a hundred.
      {"remf", {100.0, 110.0}, {100.0, 110.0}},
      {"frem", {100.0, 110.0}, {100.0, 110.0}},
  };
  const std::string_view name = operation.substr(operation.rfind('.') + 1);
  for (const Known& known : kKnown)
    if (name == known.name) return bits == 64 ? known.both : known.single;
  return {20.0, 75.0};
}

bool unknown_call(std::string_view operation) {
  static constexpr std::string_view kKnown[] = {
      "exp", "exp2",  "expm1",   "log",      "log2",        "log10", "log1p",  "sin",     "cos", "powf",
      "pow", "power", "sigmoid", "logistic", "exponential", "sine",  "cosine", "softmax", "silu"};
  const std::string_view name = operation.substr(operation.rfind('.') + 1);
  return std::find(std::begin(kKnown), std::end(kKnown), name) == std::end(kKnown);
}

double divider_cycles(Work work, int bits, double vector_bytes) {
  const bool root = work == Work::root;
  const double half = bits == 64 ? (root ? 4.5 : 4.0) : root ? 3.0 : 2.5;
  return half * (vector_bytes > 16.0 ? 2.0 * vector_bytes / 32.0 : bits == 64 ? 1.0 : 1.2);
}

double latency_of(Work work, bool real, int bits, const Choice& choice, const Called& called) {
  switch (work) {
    case Work::add:
    case Work::multiply:
    case Work::fma:
      return 4.0;
    case Work::divide:
      return bits == 64 ? 14.0 : 11.0;
    case Work::root:
      return bits == 64 ? 18.0 : 12.0;
    case Work::transcendental:
      return called.latency;
    case Work::compare:
      // A minimum that hands NaN on: one of zeros is found and set aside, and a NaN is chosen afterwards.
      return !real ? 1.0 : choice.single >= kExtremum.single ? 9.0 : choice.single > 2.0 ? 7.0 : 3.0;
    case Work::convert:
      return real ? 5.0 : 1.0;
    case Work::integer_multiply:
      return 3.0;
    case Work::integer_divide:
      return 20.0;
    case Work::none:
      return 0.0;
    default:
      return 1.0;
  }
}

Link link_of(Work work, bool real, const Choice& choice) {
  switch (work) {
    case Work::multiply:
    case Work::fma:
      return Link::product;
    case Work::divide:
    case Work::root:
      return Link::quotient;
    case Work::transcendental:
      return Link::function;
    case Work::compare:
      return !real ? Link::whole : choice.single >= kExtremum.single ? Link::extremum : Link::choice;
    case Work::convert:
      return real ? Link::choice : Link::whole;
    case Work::integer_multiply:
    case Work::integer_divide:
      return Link::whole_product;
    case Work::add:
      return Link::sum;
    default:
      return Link::whole;
  }
}

}  // namespace hone::cost::mlir
