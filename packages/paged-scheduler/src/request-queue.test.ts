import fc from "fast-check";
import { expect, it } from "vitest";
import { Request } from "./request";
import { byArrival, byPriority, RequestQueue } from "./request-queue";

function request(serial: number, priority: number, arrivalTime: number): Request {
  return new Request({ id: `${serial}`, promptTokens: [1], priority, arrivalTime }, { serial });
}

it.each([
  { name: "by arrival", order: byArrival },
  { name: "by priority", order: byPriority },
])("gives requests in order, $name, whatever is removed in between", ({ order }) => {
  const operation = fc.record({
    remove: fc.boolean(),
    pick: fc.nat(),
    priority: fc.integer({ min: 0, max: 3 }),
    arrivalTime: fc.integer({ min: 0, max: 3 }),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const queue = new RequestQueue(order);
      const members: Request[] = [];
      operations.forEach(({ remove, pick, priority, arrivalTime }, serial) => {
        if (remove && members.length > 0) {
          const [removed] = members.splice(pick % members.length, 1);
          queue.remove(removed!);
        } else {
          const added = request(serial, priority, arrivalTime);
          members.push(added);
          queue.push(added);
        }
        members.sort(order);
        expect(queue.toSorted()).toEqual(members);
        expect(queue.peek()).toBe(members[0]);
        expect(queue.length).toBe(members.length);
      });
    }),
    { seed: 1 },
  );
});
