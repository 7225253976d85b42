#pragma once

#include <string>
#include <vector>

namespace hone::test {

struct MlirText {
  const char* name;
  std::string text;
  bool known = true;  ///< of dialects that mlir-opt knows
};

/// Texts in many dialects, as people write them.
inline const std::vector<MlirText>& mlir_texts() {
  static const std::vector<MlirText> texts = {
      {"matmul", R"mlir(
func.func @k(%A: memref<64x64xf32>, %B: memref<64x64xf32>, %C: memref<64x64xf32>) {
  affine.for %i = 0 to 64 {
    affine.for %j = 0 to 64 {
      affine.for %k = 0 to 64 {
        %a = affine.load %A[%i, %k] : memref<64x64xf32>
        %b = affine.load %B[%k, %j] : memref<64x64xf32>
        %c = affine.load %C[%i, %j] : memref<64x64xf32>
        %p = arith.mulf %a, %b : f32
        %s = arith.addf %c, %p : f32
        affine.store %s, %C[%i, %j] : memref<64x64xf32>
      }
    }
  }
  return
}
)mlir",
       true},
      {"loops", R"mlir(
#map = affine_map<(d0) -> (d0 * 2 + 1)>
func.func @f(%a: memref<8x8xf32> {llvm.noalias}, %n: index) -> f32 attributes {hone.x = 1} {
  %c = arith.constant 0.0 : f32
  %r:2 = affine.for %i = 0 to 8 step 2 iter_args(%x = %c, %y = %c) -> (f32, f32) {
    %v = affine.load %a[%i, symbol(%n) floordiv 2] : memref<8x8xf32>
    %s = arith.addf %x, %v fastmath<fast> : f32
    affine.yield %s, %y : f32, f32
  }
  affine.for %i = max affine_map<(d0) -> (d0, 3)>(%n) to min #map(%n) { %z = affine.apply #map(%i)
   affine.store %c, %a[%z, 0] : memref<8x8xf32> }
  scf.parallel (%i, %j) = (%n, %n) to (%n, %n) step (%n, %n) { scf.reduce }
  %k = scf.parallel (%i) = (%n) to (%n) step (%n) init (%c) -> f32 { scf.reduce(%c : f32) { ^bb0(%l: f32, %rr: f32): %q = arith.addf %l, %rr : f32 scf.reduce.return %q : f32 } }
  %e = call @g(%r#0) : (f32) -> f32
  cf.br ^bb1(%e : f32)
^bb1(%w: f32):
  return %w : f32
}
func.func private @g(f32) -> f32
llvm.func @h(%a : i32) -> i32 { %0 = llvm.mlir.constant(1 : i32) : i32 
 llvm.return %0 : i32 }
func.func @m(%a: tensor<4x4xf32>, %b: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %0 = linalg.map { arith.addf } ins(%a, %b : tensor<4x4xf32>, tensor<4x4xf32>) outs(%a : tensor<4x4xf32>)
  %t = linalg.transpose ins(%0 : tensor<4x4xf32>) outs(%b : tensor<4x4xf32>) permutation = [1, 0]
  %mm = linalg.matmul ins(%0, %t : tensor<4x4xf32>, tensor<4x4xf32>) outs(%b : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %mm : tensor<4x4xf32>
}
)mlir",
       true},
      {"tensors", R"mlir(
#map0 = affine_map<(d0, d1, d2) -> (d0, d2)>
#map1 = affine_map<(d0, d1, d2) -> (d2, d1)>
#map2 = affine_map<(d0, d1, d2) -> (d0, d1)>
func.func @generic(%A: tensor<?x64xf32>, %B: tensor<64x32xf32>, %C: tensor<?x32xf32>, %B2: tensor<32xf32>) -> tensor<?x32xf32> {
  %0 = linalg.generic {indexing_maps = [#map0, #map1, #map2], iterator_types = ["parallel", "parallel", "reduction"]} ins(%A, %B : tensor<?x64xf32>, tensor<64x32xf32>) outs(%C : tensor<?x32xf32>) attrs = {foo = "bar"} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %1 = arith.mulf %a, %b : f32
    %2 = arith.addf %c, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<?x32xf32>
  %c0 = arith.constant 0 : index
  %d = tensor.dim %0, %c0 : tensor<?x32xf32>
  %e = tensor.empty(%d) : tensor<?x32xf32>
  %cst = arith.constant 1.0 : f32
  %f = linalg.fill ins(%cst : f32) outs(%e : tensor<?x32xf32>) -> tensor<?x32xf32>
  %p = tensor.pad %0 low[%c0, 1] high[0, 1] { ^bb0(%i: index, %j: index): tensor.yield %cst : f32 } : tensor<?x32xf32> to tensor<?x34xf32>
  %s = tensor.extract_slice %p[0, 0] [%d, 32] [1, 1] : tensor<?x34xf32> to tensor<?x32xf32>
  %x = tensor.expand_shape %B [[0], [1, 2]] output_shape [64, 4, 8] : tensor<64x32xf32> into tensor<64x4x8xf32>
  %y = tensor.collapse_shape %x [[0, 1], [2]] : tensor<64x4x8xf32> into tensor<256x8xf32>
  %r = linalg.reduce { arith.addf } ins(%B : tensor<64x32xf32>) outs(%B2 : tensor<32xf32>) dimensions = [0]
  %g = tensor.generate %d { ^bb0(%i: index): tensor.yield %cst : f32 } : tensor<?xf32>
  %sm = linalg.softmax dimension(1) ins(%B : tensor<64x32xf32>) outs(%B : tensor<64x32xf32>) -> tensor<64x32xf32>
  %l = arith.maximumf %f, %0 : tensor<?x32xf32>
  %k = arith.cmpf olt, %f, %0 : tensor<?x32xf32>
  %sel = arith.select %k, %f, %0 : tensor<?x32xi1>, tensor<?x32xf32>
  %m = math.exp %sel : tensor<?x32xf32>
  return %m : tensor<?x32xf32>
}
)mlir",
       true},
      {"vectors", R"mlir(
func.func @v(%m: memref<64x64xf32>, %n: index, %v: vector<4xf32>, %k: vector<4xi1>, %flag: i1, %i32: i32) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %z = arith.constant 0.0 : f32
  %t = vector.transfer_read %m[%c0, %c0], %z {in_bounds = [true]} : memref<64x64xf32>, vector<4xf32>
  vector.transfer_write %t, %m[%c0, %c1] : vector<4xf32>, memref<64x64xf32>
  %f = vector.fma %t, %v, %t : vector<4xf32>
  %r = vector.reduction <add>, %f : vector<4xf32> into f32
  %r2 = vector.reduction <add>, %f, %r : vector<4xf32> into f32
  %b = vector.broadcast %r : f32 to vector<8x4xf32>
  %e = vector.extract %b[0] : vector<4xf32> from vector<8x4xf32>
  %i = vector.insert %e, %b[1] : vector<4xf32> into vector<8x4xf32>
  %l = vector.load %m[%c0, %n] : memref<64x64xf32>, vector<4xf32>
  vector.store %l, %m[%c0, %n] : memref<64x64xf32>, vector<4xf32>
  %g = vector.maskedload %m[%c0, %n], %k, %l : memref<64x64xf32>, vector<4xi1>, vector<4xf32> into vector<4xf32>
  %o = vector.outerproduct %v, %v : vector<4xf32>, vector<4xf32>
  %tr = vector.transpose %o, [1, 0] : vector<4x4xf32> to vector<4x4xf32>
  %mm = vector.contract {indexing_maps = [affine_map<(a,b,c)->(a,c)>, affine_map<(a,b,c)->(c,b)>, affine_map<(a,b,c)->(a,b)>], iterator_types = ["parallel","parallel","reduction"], kind = #vector.kind<add>} %o, %tr, %o : vector<4x4xf32>, vector<4x4xf32> into vector<4x4xf32>
  %mr = vector.multi_reduction <add>, %mm, %v [0] : vector<4x4xf32> to vector<4xf32>
  %mk = vector.create_mask %n : vector<4xi1>
  %al = memref.alloc(%n) {alignment = 64 : i64} : memref<?x8xf32>
  %sv = memref.subview %al[%c0, 0] [4, 4] [1, 1] : memref<?x8xf32> to memref<4x4xf32, strided<[8, 1], offset: ?>>
  %cp = memref.collapse_shape %al [[0, 1]] : memref<?x8xf32> into memref<?xf32>
  memref.copy %sv, %sv : memref<4x4xf32, strided<[8, 1], offset: ?>> to memref<4x4xf32, strided<[8, 1], offset: ?>>
  %base, %off, %sz:2, %st:2 = memref.extract_strided_metadata %al : memref<?x8xf32> -> memref<f32>, index, index, index, index, index
  %dd = memref.dim %al, %c0 : memref<?x8xf32>
  %rc = memref.reinterpret_cast %al to offset: [0], sizes: [%n, 1], strides: [8, 1] : memref<?x8xf32> to memref<?x1xf32, strided<[8, 1]>>
  memref.dealloc %al : memref<?x8xf32>
  %w:2 = scf.while (%q = %n, %qq = %z) : (index, f32) -> (index, f32) {
    %cond = arith.cmpi slt, %q, %c1 : index
    scf.condition(%cond) %q, %qq : index, f32
  } do {
  ^bb0(%q2: index, %q3: f32):
    %nx = arith.addi %q2, %c1 : index
    scf.yield %nx, %q3 : index, f32
  }
  %if = scf.if %flag -> (f32) { scf.yield %z : f32 } else { scf.yield %r : f32 }
  scf.index_switch %n case 2 { scf.yield } default { }
  scf.forall (%a, %bb) in (%n, 8) { memref.store %z, %m[%a, %bb] : memref<64x64xf32> } {mapping = [#gpu.thread<x>, #gpu.thread<y>]}
  scf.for %a = %c0 to %n step %c1 { %ld = memref.load %m[%a, %c0] : memref<64x64xf32>  memref.store %ld, %m[%c0, %a] : memref<64x64xf32> }
  affine.parallel (%a, %bb) = (0, 0) to (min(10, %n), 20) step (2, 1) { affine.store %z, %m[%a, %bb] : memref<64x64xf32> }
  affine.if affine_set<(d0)[s0] : (d0 - 5 >= 0, s0 - d0 == 0)>(%n)[%n] { affine.store %z, %m[0, %n] : memref<64x64xf32> } else { affine.store %z, %m[1, %n] : memref<64x64xf32> }
  %gg = memref.get_global @glob : memref<2xf32>
  memref.generic_atomic_rmw %gg[%c0] : memref<2xf32> { ^bb0(%cur: f32): memref.atomic_yield %cur : f32 }
  %at = memref.atomic_rmw addf %z, %gg[%c0] : (f32, memref<2xf32>) -> f32
  %idx = index.add %n, %n
  %ic = index.constant 4
  %cc = complex.create %z, %z : complex<f32>
  %re = complex.re %cc : complex<f32>
  %tt = arith.constant true
  %dn = arith.constant dense<[[1.0, 2.0], [3.0, -4.0]]> : tensor<2x2xf32>
  %um:2 = arith.mulsi_extended %c0, %c1 : index
  %er = bufferization.to_tensor %gg : memref<2xf32>
  %ex = scf.execute_region -> f32 { cf.br ^bb1 
   ^bb1: scf.yield %z : f32 }
  cf.switch %i32 : i32, [ default: ^bb4, 42: ^bb4 ]
^bb4:
  cf.assert %tt, "hello"
  cf.cond_br %tt, ^bb5, ^bb6(%z : f32)
^bb5: cf.br ^bb6(%r : f32)
^bb6(%fin: f32):
  return %fin : f32
}
memref.global "private" constant @glob : memref<2xf32> = dense<[1.0, 2.0]>
)mlir",
       true},
      {"tosa", R"mlir(
func.func @t(%a: tensor<1x8x8x4xf32>, %w: tensor<16x3x3x4xf32>, %b: tensor<16xf32>) -> tensor<1x8x8x16xf32> {
  %0 = tosa.conv2d %a, %w, %b {dilation = array<i64: 1, 1>, pad = array<i64: 1, 1, 1, 1>, stride = array<i64: 1, 1>} : (tensor<1x8x8x4xf32>, tensor<16x3x3x4xf32>, tensor<16xf32>) -> tensor<1x8x8x16xf32>
  %1 = tosa.clamp %0 {min_fp = 0.0 : f32, max_fp = 6.0 : f32, min_int = 0 : i64, max_int = 6 : i64} : (tensor<1x8x8x16xf32>) -> tensor<1x8x8x16xf32>
  %2 = tosa.reduce_sum %1 {axis = 3 : i32} : (tensor<1x8x8x16xf32>) -> tensor<1x8x8x1xf32>
  %3 = "tosa.const"() <{value = dense<1.0> : tensor<1x8x8x16xf32>}> : () -> tensor<1x8x8x16xf32>
  %4 = tosa.add %1, %3 : (tensor<1x8x8x16xf32>, tensor<1x8x8x16xf32>) -> tensor<1x8x8x16xf32>
  return %4 : tensor<1x8x8x16xf32>
}
)mlir",
       true},
      {"stablehlo", R"mlir(
module @m attributes {mhlo.num_partitions = 1 : i32} {
  func.func public @main(%arg0: tensor<2x3xf32> {mhlo.sharding = "{replicated}"}, %arg1: tensor<3x4xf32>) -> (tensor<2x4xf32> {jax.result_info = ""}) {
    %0 = stablehlo.dot_general %arg0, %arg1, contracting_dims = [1] x [0], precision = [DEFAULT, DEFAULT] : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
    %cst = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %1 = stablehlo.reduce(%0 init: %cst) applies stablehlo.add across dimensions = [1] : (tensor<2x4xf32>, tensor<f32>) -> tensor<2xf32>
    %2 = stablehlo.broadcast_in_dim %1, dims = [0] : (tensor<2xf32>) -> tensor<2x4xf32>
    %3 = stablehlo.compare  GT, %2, %0,  FLOAT : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xi1>
    %4 = stablehlo.select %3, %2, %0 : tensor<2x4xi1>, tensor<2x4xf32>
    %5 = call @relu(%4) : (tensor<2x4xf32>) -> tensor<2x4xf32>
    %c = stablehlo.constant dense<0> : tensor<i32>
    %6:2 = stablehlo.while(%iterArg = %c, %iterArg_0 = %5) : tensor<i32>, tensor<2x4xf32>
     cond {
      %c_1 = stablehlo.constant dense<10> : tensor<i32>
      %8 = stablehlo.compare  LT, %iterArg, %c_1,  SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %8 : tensor<i1>
    } do {
      %c_1 = stablehlo.constant dense<1> : tensor<i32>
      %8 = stablehlo.add %iterArg, %c_1 : tensor<i32>
      stablehlo.return %8, %iterArg_0 : tensor<i32>, tensor<2x4xf32>
    }
    %7 = stablehlo.convolution(%arg0, %arg1) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f], window = {stride = [1, 1], pad = [[0, 0], [0, 0]]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
    %9 = "stablehlo.reduce_window"(%0, %cst) <{window_dimensions = array<i64: 1, 2>}> ({
    ^bb0(%arg2: tensor<f32>, %arg3: tensor<f32>):
      %10 = stablehlo.maximum %arg2, %arg3 : tensor<f32>
      stablehlo.return %10 : tensor<f32>
    }) : (tensor<2x4xf32>, tensor<f32>) -> tensor<2x4xf32>
    return %6#1 : tensor<2x4xf32>
  }
  func.func private @relu(%arg0: tensor<2x4xf32>) -> tensor<2x4xf32> {
    return %arg0 : tensor<2x4xf32>
  }
}
)mlir",
       false},
      {"torch", R"mlir(
module attributes {torch.debug_module_name = "Net"} {
  func.func @forward(%arg0: !torch.vtensor<[2,3],f32>, %arg1: !torch.vtensor<[?,4],f32>) -> !torch.vtensor<[2,4],f32> {
    %int1 = torch.constant.int 1
    %none = torch.constant.none
    %true = torch.constant.bool true
    %0 = torch.aten.mm %arg0, %arg1 : !torch.vtensor<[2,3],f32>, !torch.vtensor<[?,4],f32> -> !torch.vtensor<[2,4],f32>
    %1 = torch.prim.ListConstruct %int1, %int1 : (!torch.int, !torch.int) -> !torch.list<int>
    %2 = torch.vtensor.literal(dense<1.0> : tensor<2x4xf32>) : !torch.vtensor<[2,4],f32>
    %3 = torch.aten.add.Tensor %0, %2, %int1 : !torch.vtensor<[2,4],f32>, !torch.vtensor<[2,4],f32>, !torch.int -> !torch.vtensor<[2,4],f32>
    return %3 : !torch.vtensor<[2,4],f32>
  }
}
{-#
  dialect_resources: { builtin: { x: "0x08000000" } }
#-}
)mlir",
       false},
      {"spirv", R"mlir(
spirv.module Logical GLSL450 requires #spirv.vce<v1.0, [Shader], []> {
  spirv.GlobalVariable @x built_in("GlobalInvocationId") : !spirv.ptr<vector<3xi32>, Input>
  spirv.func @f(%a : f32, %b: !spirv.ptr<!spirv.struct<(!spirv.array<4xf32, stride=4> [0])>, StorageBuffer>) -> f32 "None" {
    %0 = spirv.FAdd %a, %a : f32
    %1 = spirv.Constant 0 : i32
    %2 = spirv.AccessChain %b[%1, %1] : !spirv.ptr<!spirv.struct<(!spirv.array<4xf32, stride=4> [0])>, StorageBuffer>, i32, i32
    %3 = spirv.Load "StorageBuffer" %2 : f32
    spirv.mlir.loop { 
      spirv.Branch ^header
    ^header:
      %c = spirv.Constant true
      spirv.BranchConditional %c, ^body, ^merge
    ^body: spirv.Branch ^header
    ^merge: spirv.mlir.merge
    }
    spirv.ReturnValue %3 : f32
  }
}
)mlir",
       true},
      {"misc", R"mlir(
#sp = #sparse_tensor.encoding<{ map = (d0, d1) -> (d0 : dense, d1 : compressed) }>
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%arg0: !transform.any_op {transform.readonly}) {
    %0 = transform.structured.match ops{["linalg.matmul"]} in %arg0 : (!transform.any_op) -> !transform.any_op
    %t, %l:2 = transform.structured.tile_using_for %0 tile_sizes [4, 4] : (!transform.any_op) -> (!transform.any_op, !transform.any_op, !transform.any_op)
    transform.yield
  }
  func.func @e(%s: tensor<4x4xf64, #sp>, %x: memref<*xf32>, %v: vector<[4]xf32>, %tk: !async.token, %c: complex<f64>, %mt: tensor<4xf32>) -> (tensor<4x4xf64, #sp>, index) {
    %c1 = arith.constant 1 : index
    %k = sparse_tensor.number_of_entries %s : tensor<4x4xf64, #sp>
    %t = async.execute [%tk] { async.yield }
    async.await %t : !async.token
    %r = memref.rank %x : memref<*xf32>
    %y = vector.extract %v[0] : f32 from vector<[4]xf32>
    %u = ub.poison : f32
    %sh = shape.const_shape [1, 2] : tensor<2xindex>
    gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1) threads(%tx, %ty, %tz) in (%ax = %c1, %ay = %c1, %az = %c1) { 
      %q = arith.addi %bx, %tx : index
      gpu.terminator 
    }
    %z = emitc.call_opaque "foo"(%y) {args = [0 : index]} : (f32) -> i32
    %mm = math.fma %y, %y, %y : f32
    %pw = math.powf %y, %u fastmath<fast> : f32
    linalg.map { math.exp } ins(%mt : tensor<4xf32>) outs(%mt : tensor<4xf32>)
    return %s, %k : tensor<4x4xf64, #sp>, index
  }
}
)mlir",
       true},
  };
  return texts;
}

}  // namespace hone::test
