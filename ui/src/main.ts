import { mount } from 'svelte';
import { loadMiniDoor, loadPlatform } from './platform';
import './styles/base.css';

const target = document.getElementById('app');
if (target) {
  const door = await loadMiniDoor();
  if (door) {
    const { default: Mini } = await import('./views/Mini.svelte');
    mount(Mini, { target, props: { door } });
  } else {
    const [{ App }, { default: Root }, platform] = await Promise.all([
      import('./stores/app.svelte'),
      import('./views/Root.svelte'),
      loadPlatform(),
    ]);
    const app = new App(platform);
    mount(Root, { target, props: { app } });
    await app.start();
  }
}
