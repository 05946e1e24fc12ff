// Every pragma of the library, as a macro. Only here do the dialects of the tools differ, and none changes a value.
//
// FL_PROCESS holds a call in a dataflow region, and FL_PIPELINE is the first thing in a pipelined loop: in the bounded
// C-simulation (bounded.h) these are a process of its own and one step of it.
//
// Vitis HLS unrolls the loops inside a pipelined loop by itself, so loops over lanes need no pragma of their own there.
// A pipeline is of style flp: it gives away what it holds when no input comes. Style frp is dropped where loops share a
// stream, and puts FIFOs behind every process that no plan counts.
//
// PandA Bambu pipelines no loops, and takes a function that holds such a pragma for a pipelined function.
//
// FL_DISTANCE says how many iterations lie at least between two accesses to a place of a memory, a read after a write
// (RAW) or a write after a read (WAR). Only the generator says so, who computed it.
#ifndef FIRELINE_PRAGMAS_H_
#define FIRELINE_PRAGMAS_H_

#define FL_PRAGMA(text) _Pragma(#text)

#ifdef __SYNTHESIS__

#define FL_INLINE FL_PRAGMA(HLS inline)
#define FL_DATAFLOW FL_PRAGMA(HLS dataflow)
#define FL_PROCESS(...) __VA_ARGS__
#ifdef __BAMBU__
#define FL_PIPELINE(ii)
#else
#define FL_PIPELINE(ii) FL_PRAGMA(HLS pipeline II = ii style = flp)
#endif
#define FL_PARTITION(array, dimension) FL_PRAGMA(HLS array_partition variable = array complete dim = dimension)
#define FL_RESHAPE(array, dimension) FL_PRAGMA(HLS array_reshape variable = array complete dim = dimension)
#define FL_DISTANCE(array, order, steps) FL_PRAGMA(HLS dependence variable = array type = inter direction = order distance = steps dependent = true)
#define FL_BIND_STORAGE(array, kind, resource) FL_PRAGMA(HLS bind_storage variable = array type = kind impl = resource)
#define FL_STREAM_DEPTH(name, tokens) FL_PRAGMA(HLS stream variable = name depth = tokens)
#define FL_BIND_OP(value, operation, resource) FL_PRAGMA(HLS bind_op variable = value op = operation impl = resource)
#define FL_INTERFACE(kind, argument) FL_PRAGMA(HLS interface mode = kind port = argument)
#define FL_LANES

#else

#define FL_INLINE
#define FL_PARTITION(array, dimension)
#define FL_RESHAPE(array, dimension)
#define FL_DISTANCE(array, order, steps)
#define FL_BIND_STORAGE(array, kind, resource)
#define FL_STREAM_DEPTH(name, tokens)
#define FL_BIND_OP(value, operation, resource)
#define FL_INTERFACE(kind, argument)

#if defined(FL_BOUNDED)
#define FL_DATAFLOW fl::Region fl_region;
#define FL_PROCESS(...) fl_region.start([&] { __VA_ARGS__; })
#define FL_PIPELINE(ii) const fl::Step fl_step;
#else
#define FL_DATAFLOW
#define FL_PROCESS(...) __VA_ARGS__
#define FL_PIPELINE(ii)
#endif

// Before a loop over lanes: g++ vectorises such a loop well unless it unrolls it first.
#if defined(__GNUC__) && !defined(__clang__)
#define FL_LANES FL_PRAGMA(GCC unroll 1)
#else
#define FL_LANES
#endif

#endif
#endif  // FIRELINE_PRAGMAS_H_
