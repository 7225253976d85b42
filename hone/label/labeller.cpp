#include "hone/label/labeller.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone::label {

namespace {

/// Twelve independent chains in vector registers, `steps` long: what the arithmetic units can do at most.
std::string chains(const std::string& vector, const std::string& scalar, const std::string& step, int steps) {
  constexpr int kChains = 12;
  std::string text = fmt::format("declare {0} @llvm.fma.f(  {0}, {0}, {0})\n", vector);
  text.clear();
  text += fmt::format(
      "define void @kernel(ptr noalias %out) noinline {{\nentry:\n  %s = load {0}, ptr %out\n"
      "  %v0 = insertelement {1} poison, {0} %s, i32 0\n"
      "  %v = shufflevector {1} %v0, {1} poison, <{2} x i32> zeroinitializer\n  br label %loop\nloop:\n"
      "  %n = phi i64 [0, %entry], [%m, %loop]\n",
      scalar, vector, vector.substr(1, vector.find(' ') - 1));
  for (int i = 0; i < kChains; ++i)
    text += fmt::format("  %x{0} = phi {1} [ zeroinitializer, %entry ], [ %y{0}, %loop ]\n", i, vector);
  for (int i = 0; i < kChains; ++i)
    text += fmt::format(fmt::runtime(step), fmt::arg("i", i), fmt::arg("v", vector));
  text += fmt::format(
      "  %m = add i64 %n, 1\n  %go = icmp ult i64 %m, {}\n  br i1 %go, label %loop, label %done\ndone:\n",
      steps);
  for (int i = 0; i < kChains; ++i)
    text += fmt::format("  %p{0} = getelementptr {1}, ptr %out, i64 {0}\n  store {1} %y{0}, ptr %p{0}\n", i,
                        vector);
  text += "  ret void\n}\n";
  text += fmt::format(
      "define void @{}(ptr %a) {{\n  %p = load ptr, ptr %a\n  call void @kernel(ptr %p)\n  ret void\n}}\n",
      kEntry);
  return text;
}

double time_of(const Program& program, const std::vector<Argument>& arguments) {
  const Memory memory(arguments, 1);
  RunOptions options;
  options.rounds = 3;
  options.repeats = 6;
  return time_program(program, memory, options).seconds;
}

/// A loop of so many steps in LLVM's language, named kEntry, with its body and a value that it hands on
/// (name, type, first value, next value), and its body.
struct Carried {
  std::string name, type, first, next;
};
std::string stepping(const std::string& declarations, const std::string& body, const Carried& carried,
                     int steps) {
  return fmt::format(
      "{0}define void @{1}(ptr %all) {{\nentry:\n  %a = load ptr, ptr %all\n  br label %loop\nloop:\n"
      "  %n = phi i64 [ 0, %entry ], [ %m, %loop ]\n  {2} = phi {3} [ {4}, %entry ], [ {5}, %loop ]\n{6}"
      "  %m = add i64 %n, 1\n  %go = icmp ult i64 %m, {7}\n  br i1 %go, label %loop, label %done\n"
      "done:\n  store {3} {5}, ptr %a\n  ret void\n}}\n",
      declarations, kEntry, carried.name, carried.type, carried.first, carried.next, body, steps);
}

/// Seconds of one gather of so many elements, a line each, from the first cache.
double gather_time(const Backend& backend, int lanes, const std::string& scalar, int bytes) {
  constexpr int kSteps = 20000;
  const std::string vector = fmt::format("<{} x {}>", lanes, scalar),
                    suffix = fmt::format("v{}f{}", lanes, 8 * bytes);
  std::string places, on;
  for (int lane = 0; lane < lanes; ++lane) {
    places += fmt::format("{}i64 {}", lane == 0 ? "" : ", ", lane * 64 / bytes);
    on += lane == 0 ? "i1 true" : ", i1 true";
  }
  const std::string body = fmt::format(
      "  %o = and i64 %n, 63\n  %b = getelementptr {0}, ptr %a, i64 %o\n"
      "  %p = getelementptr {0}, ptr %b, <{1} x i64> <{2}>\n"
      "  %g = call {3} @llvm.masked.gather.{4}.v{1}p0(<{1} x ptr> %p, i32 {5}, <{1} x i1> <{6}>, {3} "
      "poison)\n"
      "  %y = fadd {3} %x, %g\n",
      scalar, lanes, places, vector, suffix, bytes, on);
  const std::string declaration =
      fmt::format("declare {0} @llvm.masked.gather.{1}.v{2}p0(<{2} x ptr>, i32, <{2} x i1>, {0})\n", vector,
                  suffix, lanes);
  const auto program =
      backend.compile_llvm(stepping(declaration, body, {"%x", vector, "zeroinitializer", "%y"}, kSteps));
  return time_of(*program, {{Element::f64, {1024}}}) / kSteps;
}

/// Seconds of one cycle: a product of integers takes three on processors with AVX-512, but for Knights
/// Landing (Fog, "Instruction tables", 2025).
double cycle_time(const Backend& backend) {
  constexpr int kSteps = 60000;
  const auto program =
      backend.compile_llvm(stepping("", "  %y = mul i64 %x, %x\n", {"%x", "i64", "3", "%y"}, kSteps));
  return time_of(*program, {{Element::f64, {1024}}}) / kSteps / 3.0;
}

/// The element type that most of the arguments' memory has.
Element main_element(const std::vector<Argument>& arguments) {
  std::map<Element, std::size_t> bytes;
  for (const auto& argument : arguments) bytes[argument.element] += argument.bytes();
  return std::max_element(bytes.begin(), bytes.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

}  // namespace

std::map<std::string, double> measure_yardsticks(const Backend& backend) {
  constexpr int kSteps = 200000, kChains = 12;
  std::map<std::string, double> rates;
  const std::vector<Argument> room = {{Element::f64, {4096}}};
  struct Type {
    const char *rate, *scalar, *step, *declaration;
    int bytes, operations;
  };
  for (const Type& type : {Type{"f32_flops_per_s", "float",
                                "  %y{i} = call {v} @llvm.fma.{w}({v} %x{i}, {v} %v, {v} %v)\n", "f32", 4, 2},
                           Type{"f64_flops_per_s", "double",
                                "  %y{i} = call {v} @llvm.fma.{w}({v} %x{i}, {v} %v, {v} %v)\n", "f64", 8, 2},
                           Type{"i32_ops_per_s", "i32",
                                "  %z{i} = add {v} %x{i}, %v\n  %y{i} = xor {v} %z{i}, %v\n", "", 4, 2}}) {
    const int lanes = backend.vector_bytes() / type.bytes;
    const std::string vector = fmt::format("<{} x {}>", lanes, type.scalar);
    std::string step = type.step, declaration;
    if (*type.declaration != '\0') {
      const std::string suffix = fmt::format("v{}{}", lanes, type.declaration);
      for (std::size_t at = step.find("{w}"); at != std::string::npos; at = step.find("{w}"))
        step.replace(at, 3, suffix);
      declaration = fmt::format("declare {0} @llvm.fma.{1}({0}, {0}, {0})\n", vector, suffix);
    }
    const auto program = backend.compile_llvm(declaration + chains(vector, type.scalar, step, kSteps));
    rates[type.rate] =
        static_cast<double>(type.operations) * kChains * kSteps * lanes / time_of(*program, room);
  }
  // Three arrays of 48 MiB: more than the caches of most machines.
  constexpr std::int64_t kElements = 12 << 20;
  const std::string sum = fmt::format(
      "func.func @kernel(%a: memref<{0}xf32>, %b: memref<{0}xf32>, %c: memref<{0}xf32>) {{\n"
      "  affine.for %i = 0 to {0} {{\n    %0 = affine.load %a[%i] : memref<{0}xf32>\n    %1 = affine.load "
      "%b[%i] : memref<{0}xf32>\n"
      "    %2 = arith.addf %0, %1 : f32\n    affine.store %2, %c[%i] : memref<{0}xf32>\n  }}\n  return\n}}\n",
      kElements);
  const auto program = backend.compile(Frontend().lower(sum));
  rates["bytes_per_s"] = 12.0 * kElements / time_of(*program, program->arguments());
  return rates;
}

void measure_gathers(const Backend& backend, cost::mlir::CodeTarget& target) {
  if (!target.masks()) return;
  const double cycle = cycle_time(backend), four = gather_time(backend, 4, "double", 8) / cycle,
               eight = gather_time(backend, 8, "float", 4) / cycle;
  if (!std::isfinite(four) || !std::isfinite(eight)) return;
  target.gathered_lane_cycles = std::clamp((eight - four) / 4.0, 0.0, four / 4.0);
  target.gather_cycles = four - 4.0 * target.gathered_lane_cycles;
}

cost::Label Labeller::prepare(const cost::GeneratedKernel& kernel) const {
  cost::Label label;
  label.id = kernel.number;
  label.family = kernel.family;
  label.group = kernel.group;
  label.schedule = kernel.schedule;
  label.text = frontend_.transform(kernel.text, kernel.schedule, fmt::format("kernel {}", kernel.number));
  label.structure = hash_key(cost::structure_text(label.text));
  return label;
}

void Labeller::measure(cost::Label& label, const RunOptions& options) const {
  const auto program = backend_.compile(frontend_.lower(label.text, fmt::format("kernel {}", label.id)));
  const auto& arguments = program->arguments();
  Memory memory(arguments, 1);
  const Facts facts = program->analyse(memory.pointers());
  memory.fill(1);
  const cost::Timing timing = time_program(*program, memory, options);
  label.spread = timing.spread;
  label.disturbed = timing.disturbed;
  auto& targets = label.targets;
  targets["run_s"] = timing.seconds;
  targets["instructions"] = facts.instructions;
  targets["vector_instructions"] = facts.vector;
  targets["scalar_float_instructions"] = facts.scalar_float;
  targets["integer_instructions"] = facts.integer;
  targets["load_instructions"] = facts.load;
  targets["store_instructions"] = facts.store;
  targets["branch_instructions"] = facts.branch;
  targets["spills"] = static_cast<double>(facts.spills);
  targets["spills_executed"] = facts.spills_executed;
  targets["code_instructions"] = static_cast<double>(facts.code_instructions);
  targets["vector_registers"] = static_cast<double>(facts.vector_registers);
  targets["general_registers"] = static_cast<double>(facts.general_registers);
  targets["mca_cycles"] = facts.mca_cycles;
  targets["float_operations"] = facts.float_operations;
  targets["integer_operations"] = facts.integer_operations;
  targets["loaded_bytes"] = facts.bytes_loaded;
  targets["stored_bytes"] = facts.bytes_stored;
  targets["argument_bytes"] = static_cast<double>(memory.bytes());
  const Element element = arguments.empty() ? Element::f32 : main_element(arguments);
  const bool integers = element == Element::i32 || element == Element::i64;
  const double operations = integers ? facts.integer_operations : facts.float_operations;
  targets["flops_per_s"] = operations / timing.seconds;
  targets["bytes_per_s"] = (facts.bytes_loaded + facts.bytes_stored) / timing.seconds;
  const char* peak = integers                  ? "i32_ops_per_s"
                     : element == Element::f32 ? "f32_flops_per_s"
                                               : "f64_flops_per_s";
  if (const auto found = measured_.find(peak); found != measured_.end())
    targets["utilisation"] = targets["flops_per_s"] / found->second;
  if (const auto found = measured_.find("bytes_per_s"); found != measured_.end())
    targets["bandwidth_utilisation"] = targets["argument_bytes"] / timing.seconds / found->second;
}

const std::vector<std::pair<std::string, std::string>>& target_names() {
  static const std::vector<std::pair<std::string, std::string>> names = {
      {"run_s", "seconds of one call, undisturbed"},
      {"instructions", "machine instructions executed"},
      {"vector_instructions", "of these packed"},
      {"scalar_float_instructions", "of these scalar floating point"},
      {"integer_instructions", "of these addresses, counters, comparisons"},
      {"load_instructions", "that read memory"},
      {"store_instructions", "that write memory"},
      {"branch_instructions", "jumps, calls, returns"},
      {"spills", "instructions in the code that use a spill slot"},
      {"spills_executed", "of the executed ones"},
      {"code_instructions", "instructions in the code"},
      {"vector_registers", "different vector registers in the code"},
      {"general_registers", "different general registers in the code"},
      {"mca_cycles", "cycles by LLVM's machine-code analyser"},
      {"float_operations", "floating-point operations executed"},
      {"integer_operations", "i32 operations executed"},
      {"loaded_bytes", "bytes loaded"},
      {"stored_bytes", "bytes stored"},
      {"argument_bytes", "bytes of all arguments"},
      {"flops_per_s", "operations on the main element type a second"},
      {"bytes_per_s", "bytes loaded and stored a second"},
      {"utilisation", "flops_per_s / the machine's peak"},
      {"bandwidth_utilisation", "argument bytes a second / the machine's memory bandwidth"},
  };
  return names;
}

}  // namespace hone::label
