import { DirectoryView } from '@tollgate/http';
import { describe, expect, it } from 'vitest';
import { organisationEntity } from '../testing/directory-events.ts';
import { directoryTimeZones } from './directory-time-zones.ts';

describe('directoryTimeZones', () => {
  it('tells the zone of an organisation, and none that nobody knows', () => {
    const view = new DirectoryView();
    view.applyEntity(organisationEntity('org_a', 'Asia/Kolkata'));
    view.applyEntity(organisationEntity('org_b', 'Mars/Olympus'));
    const zones = directoryTimeZones(view, 0);
    expect([zones.of('org_a'), zones.of('org_b'), zones.of('org_c')]).toEqual([
      'Asia/Kolkata',
      undefined,
      undefined,
    ]);
  });

  it('waits for news of an organisation that is charged before the directory tells it', async () => {
    const view = new DirectoryView();
    const zones = directoryTimeZones(view, 60_000);
    const known = zones.known(new Set(['org_a', 'org_b']));
    view.applyEntity(organisationEntity('org_b', 'UTC'));
    view.applyEntity(organisationEntity('org_a', 'UTC'));
    await known;
    expect(zones.of('org_a')).toBe('UTC');
  });

  it('gives up an organisation for good, so that not every batch waits', async () => {
    const view = new DirectoryView();
    let waits = 0;
    const { onChange } = view;
    view.onChange = (listener) => {
      waits += 1;
      return onChange.call(view, listener);
    };
    const zones = directoryTimeZones(view, 1);
    await zones.known(new Set(['org_a']));
    await zones.known(new Set(['org_a']));
    expect(waits).toBe(1);
  });
});
