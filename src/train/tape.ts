// The tape: operations recorded once for a batch shape, then run every step with the same buffers. An operation brings
// its forward calls and a function that writes its backward calls, so any estimator (a straight-through one, a
// quantizer of gradients) is an operation like others. backward() walks the record in reverse: when an operation is
// reached, all users of its output have added their part to its gradient. The first part replaces, later ones
// accumulate.
import type { Call } from './kernels.js';
import { tensor, type Tensor } from './tensor.js';

/** Where a gradient goes: add to `tensor` if `accumulate`, else overwrite it. */
export interface GradientTarget {
  readonly tensor: Tensor;
  readonly accumulate: boolean;
}

export interface Operation {
  readonly inputs: readonly Tensor[];
  readonly output: Tensor;
  readonly forward: readonly Call[];
  /**
   * The calls that turn the output's gradient into the inputs'. `target(x)` is null for an input that needs none; it
   * may be asked once per input. Left out by operations that only serve evaluation.
   */
  readonly backward?: (doutput: Tensor, target: (input: Tensor) => GradientTarget | null) => readonly Call[];
}

/** The backward pass of a loss. */
export interface Gradients {
  readonly calls: readonly Call[];
  /** d loss / d loss, a scalar that the caller sets to 1 before the first run. */
  readonly seed: Tensor;
  /** The gradient of a tensor that the loss depends on. @throws Error if it does not */
  of(t: Tensor): Tensor;
}

export class Tape {
  readonly #operations: Operation[] = [];
  readonly #differentiable = new Set<Tensor>();

  /** Marks a leaf as something to differentiate by. */
  watch(parameter: Tensor): Tensor {
    this.#differentiable.add(parameter);
    return parameter;
  }

  record(operation: Operation): Tensor {
    this.#operations.push(operation);
    if (operation.inputs.some((t) => this.#differentiable.has(t))) this.#differentiable.add(operation.output);
    return operation.output;
  }

  /** The forward pass. */
  forward(): Call[] {
    return this.#operations.flatMap((operation) => [...operation.forward]);
  }

  /** The backward pass from `loss`, a tensor of one element. */
  backward(loss: Tensor): Gradients {
    if (loss.size !== 1) throw new RangeError(`loss "${loss.label}" expected 1 element, got ${loss.size}`);
    const gradients = new Map<Tensor, Tensor>();
    const target = (t: Tensor): GradientTarget | null => {
      if (!this.#differentiable.has(t)) return null;
      const known = gradients.get(t);
      if (known) return { tensor: known, accumulate: true };
      const fresh = tensor(`d ${t.label}`, t.shape);
      gradients.set(t, fresh);
      return { tensor: fresh, accumulate: false };
    };
    const seed = tensor(`d ${loss.label}`, loss.shape);
    gradients.set(loss, seed);
    const calls: Call[] = [];
    for (const operation of this.#operations.toReversed()) {
      const doutput = gradients.get(operation.output);
      if (!doutput || !this.#differentiable.has(operation.output)) continue;
      if (!operation.backward) throw new Error(`internal: "${operation.output.label}" has no backward pass`);
      calls.push(...operation.backward(doutput, target));
    }
    return {
      calls,
      seed,
      of(t) {
        const gradient = gradients.get(t);
        if (!gradient) throw new Error(`internal: the loss does not depend on "${t.label}"`);
        return gradient;
      },
    };
  }
}
