// The CPU backend's interpreter: a program is a list of records (record.ts); every thread walks the same list. The tasks
// of a record are drawn from a shared counter, so that a thread that the system holds up is waited for no longer than
// one task. A task computes a fixed part of the result, whoever draws it: results do not depend on threads or time.
//
// Control words, 32-bit, shared by all threads:
//   0 generation: grows by one when a program starts      3 threads that reached the end of the current record
//   1 address of the program                              4 records finished; its change lets the threads go on
//   2 number of records                                   5 the next task of the current record
import { packOffsets, packPatches, packRows } from './bits';
import { padSums, padWeights, tapSums } from './border';
import { col2im, im2col, pool, poolBackward } from './conv';
import { countSigns } from './counts';
import {
  addBias,
  affineSign,
  dropout,
  gatherBytes,
  map,
  mapBackward,
  scale,
  slice,
  sliceBackward,
  staircase,
  stochasticSign,
  sumRows,
} from './elementwise';
import {
  crossEntropyBackward,
  crossEntropyRows,
  distillationBackward,
  distillationRows,
  meanLoss,
  squaredDistance,
  squaredDistanceBackward,
  squaredHinge,
  squaredHingeBackward,
} from './loss';
import { matmul, packColumns } from './matmul';
import { batchNorm, batchNormBackward, shiftNorm, shiftNormBackward } from './norm';
import { adaMax, adam, sgd } from './optimizer';
import {
  householder,
  householderPlan,
  quantizeGradient,
  rowStatistic,
  scaledSign,
  scaledSignBackward,
  tanhWeights,
  tanhWeightsBackward,
} from './quantize';
import { opcode, RECORD_BYTES, tasks } from './record';
import {
  embedding,
  embeddingBackward,
  gruCell,
  gruCellBackward,
  lstmCell,
  lstmCellBackward,
  tableLstmCell,
  tableLstmCellBackward,
  tableTanh,
  tableTanhBackward,
} from './recurrent';
import { matmulSigns, packSigns } from './signs';

/** First byte that the host may use. */
export const HEAP_BASE: usize = __heap_base;

/** Looks before a thread goes to sleep: some microseconds, the usual wait for another thread. */
const SPINS: i32 = 4000;

/** Starts a program and takes part in it; returns when all threads are done. */
export function run(control: usize, program: usize, records: i32, threads: i32, scratch: usize): void {
  store<u32>(control, <u32>program, 4);
  store<i32>(control, records, 8);
  if (threads > 1) {
    atomic.add<i32>(control, 1);
    atomic.notify(control, threads - 1);
  }
  walk(control, threads, scratch);
}

/** Takes part in every program, forever: what a worker thread runs. `seen` is the generation it has seen. */
export function serve(control: usize, threads: i32, scratch: usize): void {
  let seen = 0;
  while (true) {
    let spins = 0;
    while (atomic.load<i32>(control) == seen) {
      if (++spins > SPINS) atomic.wait<i32>(control, seen, -1);
    }
    seen++;
    walk(control, threads, scratch);
  }
}

function walk(control: usize, threads: i32, scratch: usize): void {
  let record = <usize>load<u32>(control, 4);
  const end = record + <usize>load<i32>(control, 8) * RECORD_BYTES;
  for (; record < end; record += RECORD_BYTES) {
    const count = tasks(record);
    const finished = atomic.load<i32>(control, 16);
    for (let task = draw(control, threads); task < count; task = draw(control, threads)) {
      execute(record, task, scratch);
    }
    if (threads == 1 || atomic.add<i32>(control, 1, 12) == threads - 1) {
      store<i32>(control, 0, 12);
      atomic.store<i32>(control, 0, 20);
      atomic.add<i32>(control, 1, 16);
      if (threads > 1) atomic.notify(control + 16, threads - 1);
    } else {
      let spins = 0;
      while (atomic.load<i32>(control, 16) == finished) {
        if (++spins > SPINS) atomic.wait<i32>(control + 16, finished, -1);
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function draw(control: usize, threads: i32): i32 {
  if (threads > 1) return atomic.add<i32>(control, 1, 20);
  const task = load<i32>(control, 20);
  store<i32>(control, task + 1, 20);
  return task;
}

/** The opcodes are the places in OPCODES of src/train/cpu/encode.ts. */
function execute(record: usize, task: i32, scratch: usize): void {
  switch (opcode(record)) {
    case 0:
      return packColumns(record, task);
    case 1:
      return matmul(record, task, scratch);
    case 2:
      return packSigns(record, task);
    case 3:
      return matmulSigns(record, task, scratch);
    case 4:
      return gatherBytes(record, task);
    case 5:
      return map(record, task);
    case 6:
      return mapBackward(record, task);
    case 7:
      return affineSign(record, task);
    case 8:
      return batchNorm(record, task);
    case 9:
      return batchNormBackward(record, task);
    case 10:
      return squaredHinge(record, task);
    case 11:
      return squaredHingeBackward(record, task);
    case 12:
      return adam(record, task);
    case 13:
      return im2col(record, task);
    case 14:
      return col2im(record, task);
    case 15:
      return pool(record, task);
    case 16:
      return poolBackward(record, task);
    case 17:
      return shiftNorm(record, task);
    case 18:
      return shiftNormBackward(record, task);
    case 19:
      return scale(record, task);
    case 20:
      return dropout(record, task);
    case 21:
      return stochasticSign(record, task);
    case 22:
      return addBias(record, task);
    case 23:
      return sumRows(record, task);
    case 24:
      return slice(record, task);
    case 25:
      return sliceBackward(record, task);
    case 26:
      return crossEntropyRows(record, task);
    case 27:
      return crossEntropyBackward(record, task);
    case 28:
      return distillationRows(record, task);
    case 29:
      return distillationBackward(record, task);
    case 30:
      return meanLoss(record, task);
    case 31:
      return squaredDistance(record, task);
    case 32:
      return squaredDistanceBackward(record, task);
    case 33:
      return adaMax(record, task);
    case 34:
      return sgd(record, task);
    case 35:
      return embedding(record, task);
    case 36:
      return embeddingBackward(record, task);
    case 37:
      return lstmCell(record, task);
    case 38:
      return lstmCellBackward(record, task);
    case 39:
      return gruCell(record, task);
    case 40:
      return gruCellBackward(record, task);
    case 41:
      return rowStatistic(record, task);
    case 42:
      return scaledSign(record, task);
    case 43:
      return scaledSignBackward(record, task);
    case 44:
      return tanhWeights(record, task);
    case 45:
      return tanhWeightsBackward(record, task);
    case 46:
      return quantizeGradient(record, task);
    case 47:
      return householderPlan(record, task);
    case 48:
      return householder(record, task);
    case 49:
      return tableTanh(record, task);
    case 50:
      return tableTanhBackward(record, task);
    case 51:
      return tableLstmCell(record, task);
    case 52:
      return tableLstmCellBackward(record, task);
    case 53:
      return staircase(record, task);
    case 54:
      return tapSums(record, task);
    case 55:
      return padSums(record, task);
    case 56:
      return padWeights(record, task, scratch);
    case 57:
      return packRows(record, task);
    case 58:
      return packPatches(record, task);
    case 59:
      return packOffsets(record, task, scratch);
    case 60:
      return countSigns(record, task);
    default:
      unreachable();
  }
}
